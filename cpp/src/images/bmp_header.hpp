/// What stands before the pixels of a BMP, and run lengths.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "images/decoders.hpp"

namespace swsss {

enum class BmpPacking : std::uint32_t { none = 0, runs_8 = 1, runs_4 = 2, fields = 3 };

struct BmpHeader {
    std::size_t width = 0;
    std::size_t height = 0;
    bool from_above = false;  ///< Whether the first row is the upper one.
    unsigned bits = 0;
    BmpPacking packing = BmpPacking::none;
    std::size_t colours = 0;  ///< Entries of the palette, 0 for all there can be.
    std::size_t palette_at = 0;
    std::size_t entry = 4;  ///< Bytes of an entry.
    std::size_t pixels_at = 0;
};

/// @throws Undecodable It is cut short, damaged, too large, or holds another format.
[[nodiscard]] BmpHeader read_bmp_header(Bytes data);

/// The indices in run lengths of 8 or 4 bits a pixel, the first row first. A full row ends by itself; nothing may go
/// beyond its row. What is skipped has index 0.
/// @throws Undecodable It is cut short or damaged.
[[nodiscard]] std::vector<std::uint8_t> read_bmp_runs(Bytes data, const BmpHeader& header);

}  // namespace swsss
