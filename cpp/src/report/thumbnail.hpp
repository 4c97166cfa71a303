/// Images and masks made small enough to be part of a page.
#pragma once

#include <string>
#include <vector>

#include "swsss/image.hpp"

namespace swsss {

/// The height and width of a thumbnail: at most 320 pixels; a very long image is squeezed, for its short side to be
/// visible.
struct ThumbnailSize {
    ThumbnailSize(int full_height, int full_width);
    int height;
    int width;
};

/// Reduce an image (or enlarge a tiny one): every pixel is the mean of those it stands for.
[[nodiscard]] Image reduced(const Image& image, ThumbnailSize size);

/// Reduce a mask: every pixel is one of those it stands for.
[[nodiscard]] Plane reduced(const Plane& mask, ThumbnailSize size);

/// A picture as a JPEG in a data URI of at most 22 100 characters; one hard to compress loses quality, then size.
[[nodiscard]] std::string data_uri(Image image);

/// A mask in runs: class id, count, class id, count, row by row.
struct Runs {
    int height;
    int width;
    std::vector<int> values;
};

/// At most 2000 runs; a mask that has more loses size.
[[nodiscard]] Runs runs_of(Plane mask);

}  // namespace swsss
