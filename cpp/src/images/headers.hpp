/// What is read from image files without decoding them: size and wholeness of a JPEG, EXIF orientation.
#pragma once

#include <cstdint>
#include <span>

#include "images/decoders.hpp"

namespace swsss {

/// Size as stored, and the EXIF orientation, 1 to 8.
struct JpegHeader {
    int width = 0;
    int height = 0;
    int orientation = 1;
};

/// Read what stands before the pixels of a JPEG, and make sure that its end is there.
///
/// Only the marker that ends a JPEG tells a whole file from one cut short: where the pixels end without it, decoders
/// differ, and some return a picture that is grey from there on.
/// @throws Undecodable It is cut short, no JPEG, or a lossless one.
[[nodiscard]] JpegHeader read_jpeg_header(Bytes data);

/// The orientation, 1 to 8, in an EXIF block (EXIF 2.32, tag 0x0112), with or without the leading `Exif`; 1 where it
/// says none. Nothing in it is trusted.
[[nodiscard]] int exif_orientation(Bytes block);

}  // namespace swsss
