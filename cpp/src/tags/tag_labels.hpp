/// The two ways a row of `tags.csv` says which classes its image holds: a field of labels, or a 0/1 column per class.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
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

/// What the fields behind an image's name say, parsed once for all rows that say the same.
class LabelsOfFields {
  public:
    using Parse = std::function<RowTags(std::span<const std::string>)>;

    /// @param parse Turns fields into class ids.
    explicit LabelsOfFields(Parse parse) : parse_(std::move(parse)) {}

    /// @param fields None holds a NUL byte.
    /// @returns Valid until the next call.
    [[nodiscard]] const RowTags& operator()(std::span<const std::string> fields);

    /// How many different fields are remembered.
    static constexpr std::size_t kept = 100'000;

  private:
    Parse parse_;
    std::unordered_map<std::string, RowTags> known_;
};

/// What turns the fields of a row into class ids; none when the header is wrong, and `problems` say why.
/// @param classes Must outlive what is returned.
[[nodiscard]] std::optional<LabelsOfFields> read_header(const std::vector<std::string>& header,
                                                        const ClassTable& classes, RowProblems& problems);

}  // namespace swsss
