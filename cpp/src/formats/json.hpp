/// JSON out, byte for byte as Python's json module writes it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace swsss {

/// A string in quotes: ASCII with escapes, the only way a file name that is not UTF-8 survives in JSON (each byte as a
/// lone surrogate U+DC80 to U+DCFF).
[[nodiscard]] std::string json_string(std::string_view text);

/// The elements of a JSON array, written one a line as they come; the brackets are the caller's.
class JsonRows {
  public:
    explicit JsonRows(std::function<void(std::string_view)> write) : write_(std::move(write)) {}

    /// Write one element, which is JSON already.
    void add(std::string_view value);

    [[nodiscard]] std::size_t count() const noexcept { return count_; }

  private:
    std::function<void(std::string_view)> write_;
    std::size_t count_ = 0;
};

}  // namespace swsss
