/// Label masks in.
#pragma once

#include <filesystem>

#include "swsss/image.hpp"

namespace swsss {

/// Read a label mask: class ids from an indexed or grey PNG of at most 8 bits, in the stored grid.
///
/// Grey of 2 or 4 bits becomes 0 to 255, as viewers show it; grey of 1 bit is 0 or 1.
///
/// @throws UserError The file cannot be read, or is a colour image instead of an indexed or grey one.
[[nodiscard]] Plane read_mask(const std::filesystem::path& path);

}  // namespace swsss
