/// Base64 (RFC 4648): the golden image of a model file, pictures in a page.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace swsss {

/// The bytes of a text in base64.
/// @throws UserError It is none.
[[nodiscard]] std::vector<std::uint8_t> decode_base64(const std::string& text);

/// Bytes as base64.
[[nodiscard]] std::string encode_base64(const std::vector<std::uint8_t>& bytes);

}  // namespace swsss
