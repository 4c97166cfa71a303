#include "engines/base64.hpp"

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

}  // namespace swsss
