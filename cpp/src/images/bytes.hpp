/// Numbers in bytes from outside.
#pragma once

#include <cstddef>
#include <cstdint>

#include "images/decoders.hpp"

namespace swsss {

/// So many bytes from a place on.
/// @throws Undecodable There are fewer: the file is cut short.
[[nodiscard]] inline Bytes part(Bytes data, std::uint64_t at, std::uint64_t count) {
    if (at > data.size() || count > data.size() - at) {
        throw Undecodable(cut_short);
    }
    return data.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count));
}

/// A number of 1 to 8 bytes, the lowest first.
/// @throws Undecodable The file is cut short.
[[nodiscard]] inline std::uint64_t little_endian(Bytes data, std::uint64_t at, std::size_t size) {
    const Bytes bytes = part(data, at, size);
    std::uint64_t value = 0;
    for (std::size_t index = size; index > 0; --index) {
        value = value << 8U | bytes[index - 1];
    }
    return value;
}

/// A number of 1 to 8 bytes, the highest first.
/// @throws Undecodable The file is cut short.
[[nodiscard]] inline std::uint64_t big_endian(Bytes data, std::uint64_t at, std::size_t size) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : part(data, at, size)) {
        value = value << 8U | byte;
    }
    return value;
}

}  // namespace swsss
