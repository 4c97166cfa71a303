#include "formats/json.hpp"

#include <utf8proc.h>

#include <cstdint>

namespace swsss {
namespace {

void add_unit(std::string& to, std::uint32_t unit) {
    static constexpr std::string_view digits = "0123456789abcdef";
    to += "\\u";
    for (unsigned shift = 16; shift > 0; shift -= 4) {
        to += digits[unit >> (shift - 4) & 15U];
    }
}

/// As UTF-16, which is what escapes hold.
void add_escape(std::string& to, std::uint32_t point) {
    if (point < 0x10000) {
        add_unit(to, point);
    } else {
        add_unit(to, 0xD800 + ((point - 0x10000) >> 10U));
        add_unit(to, 0xDC00 + ((point - 0x10000) & 0x3FFU));
    }
}

void add_ascii(std::string& to, char character) {
    static constexpr std::string_view special = "\"\\\n\r\t\f\b";
    static constexpr std::string_view letters = "\"\\nrtfb";
    if (const auto at = special.find(character); at != std::string_view::npos) {
        to += '\\';
        to += letters[at];
    } else if (character < ' ' || character > '~') {
        add_escape(to, static_cast<std::uint8_t>(character));
    } else {
        to += character;
    }
}

/// The code point that `text` begins with; bytes that are not UTF-8 count one by one, as lone surrogates.
std::size_t add_point(std::string& to, std::string_view text) {
    const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());  // NOLINT(*-reinterpret-cast)
    utf8proc_int32_t point = -1;
    const auto size = utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size()), &point);
    add_escape(to, size > 0 ? static_cast<std::uint32_t>(point) : 0xDC00U + bytes[0]);
    return size > 0 ? static_cast<std::size_t>(size) : 1;
}

}  // namespace

std::string json_string(std::string_view text) {
    std::string quoted = "\"";
    quoted.reserve(text.size() + 2);
    while (!text.empty()) {
        std::size_t size = 1;
        if (static_cast<std::uint8_t>(text.front()) < 0x80) {
            add_ascii(quoted, text.front());
        } else {
            size = add_point(quoted, text);
        }
        text.remove_prefix(size);
    }
    return quoted + '"';
}

void JsonRows::add(std::string_view value) {
    write_(count_ == 0 ? "\n" : ",\n");
    write_(value);
    ++count_;
}

}  // namespace swsss
