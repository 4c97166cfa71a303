/// Pictures that stand inside a page.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "swsss/image.hpp"

namespace swsss {

/// A picture (1×1 to 65500×65500) as JPEG, with colour at half the size.
/// @param quality 0 to 100.
/// @throws std::runtime_error libjpeg fails.
[[nodiscard]] std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality);

/// A picture as the JPEG of a data URI of at most 22 100 characters; one hard to compress loses quality, then size.
[[nodiscard]] std::string data_uri(Image image);

}  // namespace swsss
