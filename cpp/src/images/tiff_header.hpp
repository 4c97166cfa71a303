/// What is read from a TIFF before libtiff sees it (TIFF 6.0, and BigTIFF).
#pragma once

#include <cstdint>
#include <vector>

#include "images/decoders.hpp"

namespace swsss {

/// What is known of the first picture.
struct TiffHeader {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    int orientation = 1;                    ///< 1 to 8.
    std::vector<std::size_t> to_be_hidden;  ///< Where tags stand of which the decoder must not know.
};

/// Refuse what is not decoded, and find three tags to be hidden.
///
/// They say what alpha means, how to turn the picture, and how many rows a strip has where these are more than there
/// are: decoders multiply alpha into the colours, turn some pictures in part, and refuse long strips.
/// @throws Undecodable It is cut short, damaged, too large, or of another kind.
[[nodiscard]] TiffHeader read_tiff_header(Bytes data);

/// The file with other tags, private ones, in the place of those that are to be hidden.
[[nodiscard]] std::vector<std::uint8_t> with_hidden_tags(Bytes data, const TiffHeader& header);

}  // namespace swsss
