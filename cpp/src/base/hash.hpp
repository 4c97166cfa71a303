/// Hashes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace swsss {

/// BLAKE2b with a digest of 16 bytes, unkeyed (RFC 7693): the raw digest.
[[nodiscard]] std::string blake2b_16(std::string_view data);

/// SHA-256 in hexadecimal.
[[nodiscard]] std::string sha256(std::span<const std::uint8_t> data);

}  // namespace swsss
