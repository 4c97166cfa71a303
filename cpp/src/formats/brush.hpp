/// Brushes of Label Studio.
#pragma once

#include <cstdint>
#include <vector>

namespace swsss {

/// Encode a binary mask the way Label Studio stores brushes: the bit stream of @thi.ng/rle-pack over RGBA bytes.
///
/// The header holds the number of bytes (32 bits), the word size less 1 (5 bits) and four lengths of lengths less 1
/// (4 bits each). A run is a 1, which of the four (2 bits), its length less 1 in as many bits, and its byte.
///
/// @param lengths Pixels outside and inside in turn, row by row.
/// @returns The stream, filled up with zeros.
[[nodiscard]] std::vector<std::uint8_t> pack_brush(const std::vector<std::int64_t>& lengths);

}  // namespace swsss
