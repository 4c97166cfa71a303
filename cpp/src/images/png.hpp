/// Label masks and grey maps as PNG files.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "images/decoders.hpp"
#include "swsss/image.hpp"

namespace swsss {

/// The VOC colour map (VOCdevkit, `VOClabelcolormap.m`): RGB by class id.
[[nodiscard]] const std::array<std::array<std::uint8_t, 3>, 256>& palette();

/// Class ids (at least 1×1) as an indexed 8-bit PNG with all 256 colours of the VOC palette.
///
/// The same mask gives the same bytes, and those `swsss.data.png` gives, wherever zlib is the same.
[[nodiscard]] std::vector<std::uint8_t> encode_mask(const Plane& mask);

/// A map that changes smoothly, like a confidence, as an 8-bit grey PNG.
[[nodiscard]] std::vector<std::uint8_t> encode_grey(const Plane& map);

/// Class ids from an indexed or grey PNG of at most 8 bits, in the stored grid.
/// @throws Undecodable It is damaged, or a colour image.
[[nodiscard]] Plane decode_mask(Bytes data);

}  // namespace swsss
