#include "base/hash.hpp"

#include <sodium.h>

#include <array>

#include "base/text.hpp"

namespace swsss {
namespace {

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());  // NOLINT(*-reinterpret-cast): chars are bytes
}

}  // namespace

std::string blake2b_16(std::string_view data) {
    std::array<unsigned char, 16> digest{};
    crypto_generichash(digest.data(), digest.size(), bytes_of(data), data.size(), nullptr, 0);
    return {digest.begin(), digest.end()};
}

std::string sha256(std::span<const std::uint8_t> data) {
    std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
    crypto_hash_sha256(digest.data(), data.data(), data.size());
    return hex(std::string(digest.begin(), digest.end()));
}

}  // namespace swsss
