/// Lines of UTF-8 text that is read block by block.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace swsss {

/// Bytes that are not UTF-8.
class NotUtf8 : public std::runtime_error {
  public:
    explicit NotUtf8(std::size_t line) : std::runtime_error("the text is not UTF-8"), line_(line) {}

    /// Where the first of them stand, from 1, lines ending with LF.
    [[nodiscard]] std::size_t line() const noexcept { return line_; }

  private:
    std::size_t line_;
};

/// Takes lines, their ends (LF, CR or CRLF) included, from a text with or without byte order mark.
class Lines {
  public:
    /// Fills the front of a buffer and says how much of it; 0 at the end of the text.
    using Source = std::function<std::size_t(std::span<char>)>;

    static constexpr std::size_t usual_block = std::size_t{1} << 18U;

    /// @param block Bytes that are read at a time, at least 1.
    explicit Lines(Source source, std::size_t block = usual_block);

    /// The next line, valid until the next call; empty at the end.
    /// @throws NotUtf8 Something in the text up to here, or a block beyond, is not UTF-8.
    [[nodiscard]] std::string_view next();

    /// Read what is left, only to see that it is UTF-8.
    /// @throws NotUtf8 It is not.
    void skip_rest();

  private:
    /// Read one more block behind what is left of the last.
    void read_more();
    /// Look at the characters that are whole.
    void check();
    /// Where the line that starts at `begin_` ends; 0 when that is not known yet.
    [[nodiscard]] std::size_t line_end();
    [[nodiscard]] std::size_t find(char character, std::size_t from) const;

    Source source_;
    std::size_t block_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0;    // of what was not given yet
    std::size_t end_ = 0;      // of what was read
    std::size_t checked_ = 0;  // up to where it is UTF-8
    std::size_t feed_ = 0;     // the first LF at or behind `begin_`, once looked for; `end_` when there is none
    std::size_t return_ = 0;   // the first CR, likewise
    std::size_t given_ = 0;    // lines that ended with LF
    bool first_ = true;
    bool ended_ = false;
};

}  // namespace swsss
