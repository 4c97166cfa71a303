/// What the template is filled with: text, lists, yes or no. No numbers, for how they are written is decided before.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace swsss {

using View = nlohmann::json;

/// A class by name, with its colour.
[[nodiscard]] View class_of(int index, const std::vector<std::string>& names);

/// A bar that is filled to a share (0..1), with something written on it.
[[nodiscard]] View bar(double share, const std::string& told);

/// The bar of a mean probability (0..1), if there is one.
[[nodiscard]] View confidence_bar(std::optional<double> confidence);

/// One count over another; 0 where there is nothing to divide by.
[[nodiscard]] double share_of(std::int64_t part, std::int64_t whole);

}  // namespace swsss
