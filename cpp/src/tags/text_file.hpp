/// Files that are read block by block.
#pragma once

#include <filesystem>

#include "tags/lines.hpp"

namespace swsss {

/// Open a file for `Lines`; a pipe will do.
/// @throws FileError It cannot be opened; later on, it cannot be read.
[[nodiscard]] Lines::Source open_text(const std::filesystem::path& path);

}  // namespace swsss
