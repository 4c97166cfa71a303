/// Run lengths in BMP files (RLE4, RLE8).
#pragma once

#include <array>
#include <cstdint>

#include "images/decoders.hpp"

namespace swsss {

using BmpColour = std::array<std::uint8_t, 3>;
using BmpPalette = std::array<BmpColour, 256>;

/// Decode runs of 4 or 8 bits a pixel into `image`, the first row first. What is skipped gets colour 0.
/// @throws Undecodable The data end too early, or a run goes beyond the end of its row.
void read_runs(Bytes data, int bits, const BmpPalette& palette, Image& image);

}  // namespace swsss
