/// What the page says, in words: every decision is made here, the template only puts it into its places.
///
/// `serve/report/view.py` does the same for the same template; whoever changes one side changes the other.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/pictures.hpp"
#include "report/report.hpp"
#include "report/summary.hpp"
#include "report/values.hpp"

namespace swsss {

/// The values of the template; a section that is not shown is null.
/// @param missing Pictures of `summary.missing()`.
/// @param least_sure Pictures of `summary.least_sure()`.
/// @param facts Labels and values, shown word for word.
[[nodiscard]] View view_of(const Summary& summary, const std::vector<Card>& missing,
                           const std::vector<Card>& least_sure,
                           const std::vector<std::pair<std::string, std::string>>& facts, const Speed& speed);

}  // namespace swsss
