/// A GIF reduced to what its first picture needs, and the decompression of its pixels.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "images/decoders.hpp"

namespace swsss {

struct GifParts {
    std::size_t screen_width = 0;
    std::size_t screen_height = 0;
    std::array<std::array<std::uint8_t, 3>, 256> palette{};
    std::uint8_t transparent = 0;
    std::size_t left = 0;
    std::size_t top = 0;
    std::size_t width = 0;
    std::size_t height = 0;
    bool interlaced = false;
    unsigned bits = 0;                 ///< Of the first codes, 1 to 8.
    std::vector<std::uint8_t> packed;  ///< Pixels.
};

/// Read a GIF up to the end of its first picture.
///
/// The screen grows to hold the picture; what the picture leaves of it has the transparent colour, or colour 0. Colours
/// that the palette does not name are black; without any palette they are grey.
/// @throws Undecodable It is cut short, damaged, or too large.
[[nodiscard]] GifParts read_gif_parts(Bytes data);

/// Decompress indices (GIF89a, appendix F).
/// @return Whether the data were sound, and enough for all of `indices`.
[[nodiscard]] bool unpack_lzw(Bytes packed, unsigned bits, std::span<std::uint8_t> indices);

}  // namespace swsss
