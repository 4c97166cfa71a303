/// The two ways a row of `tags.csv` says which classes its image holds: a field of labels, or a 0/1 column per class.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tags/class_table.hpp"
#include "tags/row_problems.hpp"
#include "tags/tags.hpp"

namespace swsss {

/// The tags of a row, and what is wrong with the text they were read from.
struct RowTags {
    Tags tags;
    std::vector<std::string> wrong;
};

/// Turns the fields behind an image's name into class ids.
using ReadLabels = std::function<RowTags(std::span<const std::string>)>;

/// What turns the fields of a row into class ids; none when the header is wrong, and `problems` say why.
/// @param classes Must outlive what is returned.
[[nodiscard]] std::optional<ReadLabels> read_header(const std::vector<std::string>& header, const ClassTable& classes,
                                                    RowProblems& problems);

}  // namespace swsss
