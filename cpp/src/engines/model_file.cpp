#include "engines/model_file.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/text.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

constexpr std::size_t block = 1U << 18U;

[[noreturn]] void refuse(const std::filesystem::path& path) {
    throw UserError("The model " + path.string() + " cannot be read: " + reason_of(errno) + ".");
}

}  // namespace

ModelFile::ModelFile(std::filesystem::path path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {  // NOLINT(*-vararg)
    std::array<char, 1> first{};
    // A folder can be opened, but not read.
    if (descriptor_ < 0 || ::pread(descriptor_, first.data(), first.size(), 0) < 0) {
        const int error = errno;
        if (descriptor_ >= 0) {
            ::close(descriptor_);
        }
        errno = error;
        refuse(path_);
    }
}

ModelFile::~ModelFile() { ::close(descriptor_); }

std::string ModelFile::sha256() const {
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    std::vector<unsigned char> buffer(block);
    off_t at = 0;
    ssize_t done = 0;
    while ((done = ::pread(descriptor_, buffer.data(), buffer.size(), at)) != 0) {
        if (done < 0) {
            refuse(path_);
        }
        crypto_hash_sha256_update(&state, buffer.data(), static_cast<unsigned long long>(done));
        at += done;
    }
    std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
    crypto_hash_sha256_final(&state, digest.data());
    return hex(std::string(digest.begin(), digest.end()));
}

std::string ModelFile::path_to_open() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

}  // namespace swsss
