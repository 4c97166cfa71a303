/// Everything wrong with the rows of a table, told at once.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

namespace swsss {

/// Distinct mistakes with the first line of each; a mistake on a million lines is still one sentence.
class RowProblems {
  public:
    explicit RowProblems(std::filesystem::path path);

    /// Note that `text` (a sentence without file and line) is wrong with `line`.
    void add(std::size_t line, const std::string& text);

    [[nodiscard]] bool any() const noexcept { return !found_.empty(); }

    /// @throws InputError With all of it, in the order of lines, if there is any.
    void raise_any() const;

  private:
    struct Problem {
        std::string text;
        std::size_t line;
        std::size_t more;
    };

    std::filesystem::path path_;
    std::vector<Problem> found_;
    std::unordered_map<std::string, std::size_t> known_;
    std::size_t left_out_ = 0;
};

}  // namespace swsss
