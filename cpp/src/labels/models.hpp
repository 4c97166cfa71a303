/// Which model labels.
#pragma once

#include <filesystem>

namespace swsss {

/// The model file of the run whose stage 1 was finished last.
///
/// @throws UserError There is no run, or it was not exported since.
[[nodiscard]] std::filesystem::path newest_model(const std::filesystem::path& runs = "runs");

}  // namespace swsss
