/// Base64 (RFC 4648), as model files hold their golden image in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace swsss {

/// The bytes of a text in base64.
/// @throws UserError It is none.
[[nodiscard]] std::vector<std::uint8_t> decode_base64(const std::string& text);

}  // namespace swsss
