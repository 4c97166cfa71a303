/// CSV as Python's csv module reads it, strictly.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tags/lines.hpp"

namespace swsss {

/// A row is not valid CSV; the message is that of Python's csv module, but for NUL, which that lets pass.
class CsvError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Splits rows into fields.
class CsvReader {
  public:
    CsvReader(Lines& lines, char delimiter) : lines_(lines), delimiter_(delimiter) {}

    /// The fields of the row that starts with a line, taking further lines as it needs them; see `more`.
    /// @throws CsvError The row is not valid.
    [[nodiscard]] std::vector<std::string> read(std::string_view line);

    /// How many more lines the last row took.
    [[nodiscard]] std::size_t more() const noexcept { return more_; }

  private:
    enum class State { start_of_row, start_of_field, in_field, in_quotes, quote_in_quotes, end_of_row };

    void take(char character);
    void end_line();
    void add(char character);
    void end_field();

    Lines& lines_;
    char delimiter_;
    std::size_t more_ = 0;
    State state_ = State::start_of_row;
    std::string field_;
    std::size_t characters_ = 0;  // in the field
    bool nul_ = false;            // in the row
    std::vector<std::string> fields_;
};

}  // namespace swsss
