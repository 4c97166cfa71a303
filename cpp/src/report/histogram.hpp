/// The histogram of confidence, as numbers for an inline drawing.
#pragma once

#include "report/summary.hpp"
#include "report/values.hpp"

namespace swsss {

/// A column for each bin that holds something; at least one does.
[[nodiscard]] View histogram(const Summary& summary);

}  // namespace swsss
