#include "base/text.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace swsss {
namespace {

/// A code point and the bytes it takes; bytes that are not UTF-8 count one by one, as -1.
struct CodePoint {
    utf8proc_int32_t value;
    std::size_t size;
};

CodePoint first_of(std::string_view text) {
    const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());  // NOLINT(*-reinterpret-cast)
    utf8proc_int32_t value = -1;
    const auto size = utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size()), &value);
    return size > 0 ? CodePoint{value, static_cast<std::size_t>(size)} : CodePoint{-1, 1};
}

/// Python's `str.isspace`: bidirectional type WS, B or S, or category Zs.
bool is_blank(utf8proc_int32_t point) {
    if (point < 0x80) {
        return point == ' ' || (point >= 0x09 && point <= 0x0D) || (point >= 0x1C && point <= 0x1F);
    }
    return point == 0x85 || point == 0xA0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200A) ||
           point == 0x2028 || point == 0x2029 || point == 0x202F || point == 0x205F || point == 0x3000;
}

/// Bytes of the blank character at the end, 0 when there is none.
std::size_t blank_at_end(std::string_view text) {
    // A character has at most three bytes here: blanks beyond U+FFFF do not exist.
    for (std::size_t size = 1; size <= std::min<std::size_t>(3, text.size()); ++size) {
        const CodePoint point = first_of(text.substr(text.size() - size));
        if (point.size == size && point.value >= 0) {
            return is_blank(point.value) ? size : 0;
        }
    }
    return 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const CodePoint point = first_of(text);
        if (point.value < 0) {
            return false;
        }
        text.remove_prefix(point.size);
    }
    return true;
}

std::string_view strip(std::string_view text) {
    while (!text.empty()) {
        const CodePoint point = first_of(text);
        if (!is_blank(point.value)) {
            break;
        }
        text.remove_prefix(point.size);
    }
    while (const std::size_t size = blank_at_end(text)) {
        text.remove_suffix(size);
    }
    return text;
}

std::string lower(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const CodePoint point = first_of(text);
        if (point.value < 0) {
            result += text.front();
        } else {
            std::array<utf8proc_uint8_t, 4> bytes{};
            const auto size = utf8proc_encode_char(utf8proc_tolower(point.value), bytes.data());
            result.append(bytes.begin(), bytes.begin() + size);
        }
        text.remove_prefix(point.size);
    }
    return result;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = text.find_first_of(separators);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(end + 1);
    }
}

std::vector<std::string_view> split_blank(std::string_view text) {
    std::vector<std::string_view> parts;
    for (text = strip(text); !text.empty(); text = strip(text)) {
        std::size_t end = 0;
        while (end < text.size()) {
            const CodePoint point = first_of(text.substr(end));
            if (is_blank(point.value)) {
                break;
            }
            end += point.size;
        }
        parts.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return parts;
}

std::string join(const std::vector<std::string>& parts, std::string_view between) {
    std::string text;
    for (const std::string& part : parts) {
        if (&part != parts.data()) {
            text += between;
        }
        text += part;
    }
    return text;
}

std::string float_repr(double value) {
    std::array<char, 32> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
    std::string text(buffer.data(), end.ptr);
    const std::size_t mark = text.find('e');
    if (mark == std::string::npos) {
        return text;  // inf, nan
    }
    const int exponent = std::atoi(text.c_str() + mark + 1);
    if (exponent < -4 || exponent >= 16) {
        return text;
    }
    const bool negative = text.front() == '-';
    std::string digits = text.substr(negative ? 1 : 0, mark - (negative ? 1 : 0));
    std::erase(digits, '.');
    if (exponent < 0) {
        digits = "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    } else {
        const auto whole = static_cast<std::size_t>(exponent) + 1;
        digits.resize(std::max(digits.size(), whole), '0');
        digits.insert(whole, digits.size() > whole ? "." : ".0");
    }
    return (negative ? "-" : "") + digits;
}

std::string fixed(double value, int digits) {
    std::array<char, 64> buffer{};
    const int size = std::snprintf(buffer.data(), buffer.size(), "%.*f", digits, value);  // NOLINT(*-vararg)
    return {buffer.data(), static_cast<std::size_t>(std::clamp(size, 0, 63))};
}

std::string hex(std::string_view bytes) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const char character : bytes) {
        const auto value = static_cast<unsigned char>(character);
        text += digits[value >> 4U];
        text += digits[value & 15U];
    }
    return text;
}

std::string_view remove_prefix(std::string_view text, std::string_view prefix) {
    return text.substr(0, prefix.size()) == prefix ? text.substr(prefix.size()) : text;
}

}  // namespace swsss
