/// CSV as Python's csv module reads it, strictly.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace swsss {

/// A row is not valid CSV.
class CsvError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Splits a text into rows and fields; lines end with LF, CR or CRLF.
class CsvReader {
  public:
    /// @param text Must outlive this.
    CsvReader(std::string_view text, char delimiter) : text_(text), delimiter_(delimiter) {}

    /// The fields of the next row (none for an empty line); nothing at the end of the text.
    /// @throws CsvError The row is not valid; the next call continues on the line after it.
    [[nodiscard]] std::optional<std::vector<std::string>> next();

    /// The line on which the last row started, counted from 1.
    [[nodiscard]] std::size_t line() const noexcept { return line_; }

  private:
    bool take_line_end();
    std::string take_plain();
    std::string take_quoted();
    [[noreturn]] void refuse(const std::string& reason);

    std::string_view text_;
    char delimiter_;
    std::size_t at_ = 0;
    std::size_t line_ = 0;
    std::size_t next_line_ = 1;
};

}  // namespace swsss
