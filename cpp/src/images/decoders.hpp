/// Decoders of one format each. What is wrong with a file is told by `Undecodable` alone; none writes to the terminal.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>

#include "swsss/image.hpp"

namespace swsss {

using Bytes = std::span<const std::uint8_t>;

/// Why a file cannot be decoded, in a few words.
class Undecodable : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

inline constexpr const char* damaged = "it is damaged, or of a kind that cannot be decoded";
inline constexpr const char* cut_short = "it is cut short";

/// @throws Undecodable A picture of this size has no pixels, or more than `max_pixels`.
void check_size(std::int64_t width, std::int64_t height);

/// Called with the height and width of an image before anything of that size is made; may throw.
using BeforePixels = std::function<void(int, int)>;

/// An image with room for its pixels.
/// @throws Undecodable It has no pixels, or more than `max_pixels`.
[[nodiscard]] Image make_image(std::int64_t width, std::int64_t height, const BeforePixels& before);

[[nodiscard]] StoredImage decode_jpeg(Bytes data, const BeforePixels& before);
[[nodiscard]] StoredImage decode_png(Bytes data, const BeforePixels& before);
[[nodiscard]] StoredImage decode_webp(Bytes data, const BeforePixels& before);
[[nodiscard]] Image decode_bmp(Bytes data, const BeforePixels& before);   ///< 8, 24 or 32 bits, not compressed.
[[nodiscard]] Image decode_tiff(Bytes data, const BeforePixels& before);  ///< Turned upright.

/// The orientation, 1 to 8, in an EXIF block (EXIF 2.32, tag 0x0112), with or without the leading `Exif`; 1 where it
/// says none. Nothing in it is trusted.
[[nodiscard]] int exif_orientation(Bytes block);

}  // namespace swsss
