/// Masks laid over images.
#pragma once

#include "swsss/image.hpp"

namespace swsss {

/// Lay the colours of a mask over its image, which has the same size.
///
/// Background stays as it is, ignored pixels are hatched, and every class has an opaque rim. Under a class the image is
/// grey, so that its own colours cannot be mistaken for those of a class.
[[nodiscard]] Image overlay(Image image, const Plane& mask);

}  // namespace swsss
