#include "images/content.hpp"

#include <sys/stat.h>

#include <cerrno>

#include "base/files.hpp"
#include "base/text.hpp"
#include "images/decoders.hpp"

namespace swsss {
namespace {

constexpr std::int64_t max_bytes = 8 * max_pixels;

/// Why a file is not even looked into; empty when it may be.
std::string objection(const struct stat& status) {
    if (!S_ISREG(status.st_mode)) {
        return S_ISDIR(status.st_mode) ? "it is a folder" : "it is a pipe or a device";
    }
    if (status.st_size > max_bytes) {
        return fixed(static_cast<double>(status.st_size) / (1 << 30), 1) +
               " GiB are more than any picture that can be decoded";
    }
    return "";
}

}  // namespace

std::string picture_content(const std::filesystem::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        throw Undecodable(reason_of(errno));
    }
    if (const std::string reason = objection(status); !reason.empty()) {
        throw Undecodable(reason);
    }
    try {
        return read_file(path);
    } catch (const FileError& error) {
        throw Undecodable(error.reason());
    }
}

}  // namespace swsss
