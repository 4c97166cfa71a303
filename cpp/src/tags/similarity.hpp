/// How alike two words are.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace swsss {

/// The word most like `word`, if one is alike enough: `difflib.get_close_matches(word, words, n=1)` of Python, whose
/// measure is Ratcliff and Obershelp's: twice the matching characters over all characters, at least 0.6.
[[nodiscard]] std::optional<std::string> closest(const std::string& word, const std::vector<std::string>& words);

}  // namespace swsss
