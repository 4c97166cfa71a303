#include "tags/lines.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "base/text.hpp"

namespace swsss {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool is_ascii(std::string_view text) {
    constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080;
    std::uint64_t word = 0;
    for (; text.size() >= sizeof word; text.remove_prefix(sizeof word)) {
        std::memcpy(&word, text.data(), sizeof word);
        if ((word & high_bits) != 0) {
            return false;
        }
    }
    return std::all_of(text.begin(), text.end(), [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
}

/// Bytes at the end that may be a character whose rest was not read yet.
std::size_t unfinished(std::string_view text) {
    constexpr std::size_t longest = 3;
    for (std::size_t back = 1; back <= std::min(longest, text.size()); ++back) {
        const auto byte = static_cast<unsigned char>(text[text.size() - back]);
        if (byte >= 0xC0) {
            return back;
        }
        if (byte < 0x80) {
            return 0;
        }
    }
    return 0;
}

}  // namespace

Lines::Lines(Source source, std::size_t block) : source_(std::move(source)), block_(block) {}

std::string_view Lines::next() {
    while (first_ || (line_end() == 0 && !ended_)) {
        read_more();
    }
    const std::size_t end = line_end() == 0 ? end_ : line_end();
    const std::string_view line(buffer_.data() + begin_, end - begin_);
    given_ += line.ends_with('\n') ? 1 : 0;
    begin_ = end;
    return line;
}

void Lines::skip_rest() {
    while (!next().empty()) {
    }
}

void Lines::read_more() {
    const bool held = return_ < end_;  // a CR at the end, whose LF may come
    const auto left = std::span(buffer_).subspan(begin_, end_ - begin_);
    std::copy(left.begin(), left.end(), buffer_.begin());
    checked_ -= begin_;
    begin_ = 0;
    end_ = left.size();
    if (buffer_.size() < end_ + block_) {
        buffer_.resize(std::max(2 * buffer_.size(), end_ + block_));
    }
    const std::size_t fresh = first_ ? 0 : end_ - (held ? 1 : 0);
    const std::size_t count = source_(std::span(buffer_).subspan(end_));
    ended_ = count == 0;
    end_ += count;
    check();
    if (first_ && (ended_ || end_ >= byte_order_mark.size())) {
        first_ = false;
        begin_ = std::string_view(buffer_.data(), end_).starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
        checked_ = std::max(checked_, begin_);
    }
    feed_ = find('\n', fresh);
    return_ = find('\r', fresh);
}

void Lines::check() {
    std::string_view fresh(buffer_.data() + checked_, end_ - checked_);
    fresh.remove_suffix(ended_ ? 0 : unfinished(fresh));
    if (!is_ascii(fresh)) {
        std::size_t line = 1 + given_;
        line += static_cast<std::size_t>(std::count(buffer_.data() + begin_, buffer_.data() + checked_, '\n'));
        for (const std::string_view part : split(fresh, "\n")) {
            if (!is_ascii(part) && !is_utf8(part)) {
                throw NotUtf8(line);
            }
            ++line;
        }
    }
    checked_ += fresh.size();
}

std::size_t Lines::line_end() {
    if (feed_ < begin_) {
        feed_ = find('\n', begin_);
    }
    if (return_ < begin_) {
        return_ = find('\r', begin_);
    }
    if (feed_ < return_) {
        return feed_ + 1;
    }
    if (return_ == end_ || (return_ + 1 == end_ && !ended_)) {
        return 0;  // none, or a CR whose LF may come
    }
    return return_ + (feed_ == return_ + 1 && feed_ < end_ ? 2 : 1);
}

std::size_t Lines::find(char character, std::size_t from) const {
    const std::string_view text(buffer_.data(), end_);
    return std::min(text.find(character, from), end_);
}

}  // namespace swsss
