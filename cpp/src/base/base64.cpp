#include "base/base64.hpp"

#include <sodium.h>

#include "swsss/errors.hpp"

namespace swsss {

std::vector<std::uint8_t> decode_base64(const std::string& text) {
    std::vector<std::uint8_t> bytes(text.size() + 1);  // never none, as libsodium wants an address
    std::size_t size = 0;
    if (sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size, nullptr,
                          sodium_base64_VARIANT_ORIGINAL) != 0) {
        throw UserError("The golden image of the model file is damaged; export the model again.");
    }
    bytes.resize(size);
    return bytes;
}

std::string encode_base64(const std::vector<std::uint8_t>& bytes) {
    std::string text(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
    text.pop_back();  // a NUL
    return text;
}

}  // namespace swsss
