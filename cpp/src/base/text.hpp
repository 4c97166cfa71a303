/// Text as Python sees it, so that both programs read and write the same: UTF-8, blanks, numbers, quoting.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace swsss {

/// Whether bytes are UTF-8.
[[nodiscard]] bool is_utf8(std::string_view text);

/// Without Unicode white space at both ends (Python's `str.strip`).
[[nodiscard]] std::string_view strip(std::string_view text);

/// In lower case, code point by code point (Python's `str.lower` but for the few characters that become several).
[[nodiscard]] std::string lower(std::string_view text);

/// Split at each of the ASCII characters in `separators`, empty parts kept.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, std::string_view separators);

/// Split at runs of Unicode white space (Python's `str.split()`), no empty parts.
[[nodiscard]] std::vector<std::string_view> split_blank(std::string_view text);

/// `parts` with `between` between them.
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view between);

/// Python's `repr` of a float: the shortest digits that read back the same, "0.6", "1e-05", "1.0".
[[nodiscard]] std::string float_repr(double value);

/// A number with so many digits behind the point, rounded as printf does.
[[nodiscard]] std::string fixed(double value, int digits);

/// Digits in lower-case hexadecimal.
[[nodiscard]] std::string hex(std::string_view bytes);

/// `text` after `prefix`, or as it is when it does not begin so.
[[nodiscard]] std::string_view remove_prefix(std::string_view text, std::string_view prefix);

}  // namespace swsss
