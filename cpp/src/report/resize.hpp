/// Images and masks made smaller.
#pragma once

#include "swsss/image.hpp"

namespace swsss {

/// An image of another size, by average over areas. Sizes are at least 1.
[[nodiscard]] Image resize_area(const Image& image, int height, int width);

/// A mask of another size, by the nearest pixel. Sizes are at least 1.
[[nodiscard]] Plane resize_nearest(const Plane& mask, int height, int width);

}  // namespace swsss
