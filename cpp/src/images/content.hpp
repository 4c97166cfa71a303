/// The bytes of what is said to be a picture.
#pragma once

#include <filesystem>
#include <string>

namespace swsss {

/// Read a file that a picture is to be decoded from.
///
/// @throws Undecodable It cannot be read, is no file (a folder, a pipe), or is too large.
[[nodiscard]] std::string picture_content(const std::filesystem::path& path);

}  // namespace swsss
