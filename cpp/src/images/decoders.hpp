/// Decoders of one format each. What is wrong with a file is told by `Undecodable` alone; none writes to the terminal.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <utility>

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

/// Pixels of the longest side that OpenCV, and so `swsss.data.images`, decodes in TIFF and WebP.
inline constexpr std::int64_t longest_side = 1 << 20;

/// @throws Undecodable A picture of this size has no pixels, or more than `max_pixels`.
void check_size(std::int64_t width, std::int64_t height);

/// An image with room for its pixels.
/// @throws Undecodable It has no pixels, or more than `max_pixels`.
[[nodiscard]] Image make_image(std::int64_t width, std::int64_t height);

[[nodiscard]] Image decode_jpeg(Bytes data, int width, int height);
[[nodiscard]] StoredImage decode_png(Bytes data);
[[nodiscard]] StoredImage decode_webp(Bytes data);

/// Height and width of a WebP; of its canvas, where it has one.
/// @throws Undecodable It begins with something else than a picture, or is cut short.
[[nodiscard]] std::pair<std::int64_t, std::int64_t> webp_size(Bytes data);

[[nodiscard]] Image decode_bmp(Bytes data);
[[nodiscard]] Image decode_tiff(Bytes data);
[[nodiscard]] Image decode_gif(Bytes data);

}  // namespace swsss
