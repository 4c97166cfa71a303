/// Numbers and names as the report shows them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace swsss::words {

/// A narrow no-break space.
inline constexpr const char* space = "\u202F";

/// The characters of UTF-8 text; bytes that are none count one by one.
[[nodiscard]] std::vector<std::string_view> characters(std::string_view text);

/// A text with N for every number, in whatever script.
[[nodiscard]] std::string without_numbers(std::string_view text);

/// A text with three bytes for each that is no UTF-8 (Python's `surrogateescape` encoded by `surrogatepass`): it sorts
/// as Python's text does.
[[nodiscard]] std::string surrogates_passed(std::string_view text);

/// Text on one line, with what cannot be printed (control characters, bytes that are no UTF-8) as escapes.
[[nodiscard]] std::string plain(std::string_view text);

/// Text with its middle left out where it is very long, so that a page of many stays small.
[[nodiscard]] std::string shortened(const std::string& text);

/// A whole number with its thousands apart.
[[nodiscard]] std::string number(std::int64_t value);

/// A large number and the word to read behind it: `45.1`, `million`; below a million there is none.
[[nodiscard]] std::pair<std::string, std::string> in_words(std::int64_t value);

/// A share (0..1) in percent, without a unit; what is little but not nothing, or nearly all, stays so.
[[nodiscard]] std::string percent(double share);

/// `percent` with its unit.
[[nodiscard]] std::string percentage(double share);

/// A number of three digits or more, whichever its size.
[[nodiscard]] std::string rate(double value);

/// Seconds in the two largest units that fit.
[[nodiscard]] std::string duration(double seconds);

/// A count with its noun: `1 image`, `2 images`.
[[nodiscard]] std::string many(std::int64_t value, const std::string& one);

}  // namespace swsss::words
