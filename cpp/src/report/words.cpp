#include "report/words.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/text.hpp"

namespace swsss::words {
namespace {

constexpr std::size_t longest = 240;

/// A code point as Python's `unicode_escape` has it: two, four or eight hexadecimal digits.
std::string escape(char32_t point) {
    switch (point) {
        case '\t':
            return "\\t";
        case '\n':
            return "\\n";
        case '\r':
            return "\\r";
        default:
            break;
    }
    std::string bytes;
    for (int shift = point < 0x100 ? 0 : point < 0x10000 ? 8 : 24; shift >= 0; shift -= 8) {
        bytes += static_cast<char>(point >> static_cast<unsigned>(shift) & 0xFFU);
    }
    const char letter = bytes.size() == 1 ? 'x' : bytes.size() == 2 ? 'u' : 'U';
    return std::string{'\\', letter} + hex(bytes);
}

/// Python's `str.isprintable`, and the space that is put into numbers here.
bool is_printable(char32_t point) {
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(point))) {
        case UTF8PROC_CATEGORY_CN:
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_CS:
        case UTF8PROC_CATEGORY_CO:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP:
            return false;
        case UTF8PROC_CATEGORY_ZS:
            return point == U' ' || point == U'\u202F';
        default:
            return true;
    }
}

bool is_digit(char32_t point) {
    return utf8proc_category(static_cast<utf8proc_int32_t>(point)) == UTF8PROC_CATEGORY_ND;
}

void append(std::string& text, char32_t point) {
    std::array<utf8proc_uint8_t, 4> bytes{};
    const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(point), bytes.data());
    text.append(bytes.begin(), bytes.begin() + size);
}

bool is_plain_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char letter) { return letter >= 0x20 && letter < 0x7F; });
}

std::string three_digits(double value) {
    std::array<char, 32> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.3g", value);  // NOLINT(*-vararg)
    return buffer.data();
}

}  // namespace

std::vector<std::string_view> characters(std::string_view text) {
    std::vector<std::string_view> found;
    while (!text.empty()) {
        const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());  // NOLINT(*-reinterpret-cast)
        utf8proc_int32_t point = 0;
        const auto size = utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size()), &point);
        found.push_back(text.substr(0, size > 0 ? static_cast<std::size_t>(size) : 1));
        text.remove_prefix(found.back().size());
    }
    return found;
}

std::string without_numbers(std::string_view text) {
    std::string kind;
    bool in_number = false;
    for (const std::string_view character : characters(text)) {
        const bool digit = is_digit(code_points(character).at(0));
        if (!digit) {
            kind += character;
        } else if (!in_number) {
            kind += 'N';
        }
        in_number = digit;
    }
    return kind;
}

std::string surrogates_passed(std::string_view text) {
    std::string passed;
    for (const char32_t point : code_points(text)) {
        append(passed, point);
    }
    return passed;
}

std::string plain(std::string_view text) {
    if (is_plain_ascii(text)) {
        return std::string(text);
    }
    std::string shown;
    for (const char32_t point : code_points(text)) {
        if (is_printable(point)) {
            append(shown, point);
        } else {
            shown += escape(point);
        }
    }
    return shown;
}

std::string shortened(const std::string& text) {
    if (text.size() <= longest) {
        return text;
    }
    const std::vector<std::string_view> all = characters(text);
    if (all.size() <= longest) {
        return text;
    }
    const auto from = [&](std::size_t character) {
        return static_cast<std::size_t>(all[character].data() - text.data());
    };
    return text.substr(0, from(longest / 2)) + " … " + text.substr(from(all.size() - longest / 2));
}

std::string number(std::int64_t value) {
    std::string text = std::to_string(value);
    const std::size_t first = value < 0 ? 2 : 1;
    for (std::size_t at = text.size(); at >= first + 3;) {
        at -= 3;
        text.insert(at, space);
    }
    return text;
}

std::pair<std::string, std::string> in_words(std::int64_t value) {
    const std::array<std::pair<double, const char*>, 3> sizes{{{1e12, "trillion"}, {1e9, "billion"}, {1e6, "million"}}};
    for (const auto& [size, word] : sizes) {
        if (static_cast<double>(value) >= size) {
            return {fixed(static_cast<double>(value) / size, 1), word};
        }
    }
    return {number(value), ""};
}

std::string percent(double share) {
    if (share > 0 && share < 0.0005) {
        return std::string("<") + space + "0.1";
    }
    if (share >= 0.9995 && share < 1) {
        return std::string(">") + space + "99.9";
    }
    return fixed(100 * share, 1);
}

std::string percentage(double share) { return percent(share) + space + "%"; }

std::string rate(double value) { return value >= 100 ? number(std::llrint(value)) : three_digits(value); }

std::string duration(double seconds) {
    if (seconds < 60) {
        return three_digits(seconds) + space + "s";
    }
    const std::int64_t whole = std::llrint(seconds);
    const std::int64_t minutes = whole / 60;
    if (minutes < 60) {
        return std::to_string(minutes) + space + "min " + std::to_string(whole % 60) + space + "s";
    }
    return number(minutes / 60) + space + "h " + std::to_string(minutes % 60) + space + "min";
}

std::string many(std::int64_t value, const std::string& one) {
    return number(value) + " " + one + (value == 1 ? "" : "s");
}

}  // namespace swsss::words
