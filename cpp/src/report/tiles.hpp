/// What a run came to, in large figures.
#pragma once

#include "report/report.hpp"
#include "report/summary.hpp"
#include "report/values.hpp"

namespace swsss {

/// None when there was no image.
[[nodiscard]] View tiles(const Summary& summary, const Speed& speed);

}  // namespace swsss
