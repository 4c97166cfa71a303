/// Versions of this library and of those it uses.
#pragma once

#include <string>

namespace swsss {

/// Version of swsss, as in pyproject.toml.
[[nodiscard]] std::string version();

/// Versions of the libraries that are in use, one line each.
[[nodiscard]] std::string library_versions();

}  // namespace swsss
