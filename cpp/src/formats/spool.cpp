#include "formats/spool.hpp"

#include <fcntl.h>
#include <stdlib.h>  // NOLINT(*-deprecated-headers): mkostemps is no part of C++
#include <unistd.h>

#include <cerrno>

#include "base/files.hpp"

namespace swsss {
namespace {

constexpr std::size_t block_size = 1U << 16U;

int open_nameless(const std::filesystem::path& folder) {
#ifdef O_TMPFILE
    const char* place = folder.empty() ? "." : folder.c_str();
    const int nameless = ::open(place, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);  // NOLINT(*-vararg)
    if (nameless >= 0) {
        return nameless;
    }
#endif
    // Not every file system can do that; the next best thing has a name for a moment.
    std::string name = (folder / ".XXXXXX.tmp").string();
    const int named = ::mkostemps(name.data(), 4, O_CLOEXEC);
    if (named >= 0) {
        ::unlink(name.c_str());
    }
    return named;
}

}  // namespace

Spool::Spool(const std::filesystem::path& folder) : folder_(folder), descriptor_(open_nameless(folder)) {
    if (descriptor_ < 0) {
        throw FileError(errno, folder_);
    }
}

Spool::~Spool() { ::close(descriptor_); }

void Spool::write(std::string_view text) {
    buffer_ += text;
    size_ += text.size();
    if (buffer_.size() >= block_size) {
        flush();
    }
}

void Spool::flush() {
    for (std::string_view left = buffer_; !left.empty();) {
        const ssize_t done = ::write(descriptor_, left.data(), left.size());
        if (done < 0 && errno != EINTR) {
            throw FileError(errno, folder_);
        }
        left.remove_prefix(done < 0 ? 0 : static_cast<std::size_t>(done));
    }
    buffer_.clear();
}

void Spool::read_back(const std::function<void(std::string_view)>& block) {
    flush();
    std::string data(block_size, '\0');
    for (std::uint64_t at = 0; at < size_;) {
        const ssize_t done = ::pread(descriptor_, data.data(), data.size(), static_cast<off_t>(at));
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            throw FileError(done < 0 ? errno : EIO, folder_);
        }
        block({data.data(), static_cast<std::size_t>(done)});
        at += static_cast<std::uint64_t>(done);
    }
}

}  // namespace swsss
