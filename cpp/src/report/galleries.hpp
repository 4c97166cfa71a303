/// Images with what is known of them, beside each other.
#pragma once

#include <string>
#include <vector>

#include "report/pictures.hpp"
#include "report/values.hpp"

namespace swsss {

/// Pictures with a legend.
/// @param names Names of the classes.
/// @param pairs Whether to show each image twice, without its mask and with it.
[[nodiscard]] View gallery(const std::vector<Card>& cards, const std::vector<std::string>& names, bool pairs);

}  // namespace swsss
