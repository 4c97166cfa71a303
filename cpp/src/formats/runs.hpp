/// Runs of equal pixels, which both COCO and Label Studio encode masks as.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "swsss/image.hpp"

namespace swsss {

/// Where one class is, in a mask read as one line of pixels: from `start` to one before `end`.
struct Run {
    std::int64_t start;
    std::int64_t end;
};

/// The runs of a class, ascending; each ends below the next start.
using Runs = std::vector<Run>;

/// Find the runs of every foreground class, by class id, in one pass over the pixels; 0 and 255 are no foreground.
///
/// @param line Class ids row by row or column by column.
[[nodiscard]] std::map<int, Runs> foreground_runs(const std::vector<std::uint8_t>& line);

/// Pixels outside and inside the class in turn, outside first (0 if the first pixel is inside).
///
/// @param size Number of pixels of the mask.
[[nodiscard]] std::vector<std::int64_t> lengths_of(const Runs& runs, std::size_t size);

/// The values of a plane column by column.
[[nodiscard]] std::vector<std::uint8_t> columns_of(const Plane& plane);

}  // namespace swsss
