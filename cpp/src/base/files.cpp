#include "base/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace swsss {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t block = 1U << 16U;

/// A hidden name in the same folder, no longer than file systems allow however long the file's own name is.
fs::path beside(const fs::path& path) {
    static std::atomic<std::uint64_t> counter{0};
    return path.parent_path() / ("." + std::to_string(counter++) + "." + std::to_string(::getpid()) + ".tmp");
}

/// A file descriptor; closed and the file removed unless it took its place.
class Beside {
  public:
    explicit Beside(const fs::path& target) : target_(target), path_(beside(target)), descriptor_(open_at(path_)) {
        if (descriptor_ < 0 && errno == ENOENT) {
            // Only now: asking for the folder before every file costs as much as writing a small one.
            make_folders(target);
            descriptor_ = open_at(path_);
        }
        if (descriptor_ < 0) {
            throw FileError(errno, target);
        }
    }
    Beside(const Beside&) = delete;
    Beside& operator=(const Beside&) = delete;
    Beside(Beside&&) = delete;
    Beside& operator=(Beside&&) = delete;
    ~Beside() {
        if (descriptor_ >= 0) {
            ::close(descriptor_);
            ::unlink(path_.c_str());
        }
    }

    void write(std::span<const std::uint8_t> data) {
        while (!data.empty()) {
            const ssize_t done = ::write(descriptor_, data.data(), data.size());
            if (done < 0 && errno != EINTR) {
                throw FileError(errno, target_);
            }
            data = data.subspan(done < 0 ? 0 : static_cast<std::size_t>(done));
        }
    }

    void take_place() {
        if (::fsync(descriptor_) != 0 || ::rename(path_.c_str(), target_.c_str()) != 0) {
            throw FileError(errno, target_);
        }
        ::close(std::exchange(descriptor_, -1));
    }

  private:
    static int open_at(const fs::path& path) {
        return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);  // NOLINT(*-vararg)
    }

    static void make_folders(const fs::path& target) {
        std::error_code error;
        fs::create_directories(target.parent_path(), error);
        if (error) {
            throw FileError(error.value(), target);
        }
    }

    fs::path target_, path_;
    int descriptor_;
};

std::span<const std::uint8_t> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};  // NOLINT(*-reinterpret-cast)
}

}  // namespace

FileError::FileError(int error, const fs::path& path)
    : std::system_error(error, std::generic_category(), path.string()), path_(path) {}

std::string FileError::reason() const { return reason_of(code().value()); }

std::string reason_of(int error) { return std::generic_category().message(error); }

void write_whole(const fs::path& path, std::span<const std::uint8_t> data) {
    Beside file(path);
    file.write(data);
    file.take_place();
}

void write_whole(const fs::path& path, std::string_view text) { write_whole(path, bytes_of(text)); }

struct WholeFile::Parts {
    explicit Parts(const fs::path& path) : file(path) { buffer.reserve(2 * block); }

    void flush() {
        file.write(bytes_of(buffer));
        buffer.clear();
    }

    Beside file;
    std::string buffer;
};

WholeFile::WholeFile(const fs::path& path) : parts_(std::make_unique<Parts>(path)) {}

WholeFile::~WholeFile() = default;

void WholeFile::write(std::string_view text) {
    parts_->buffer += text;
    if (parts_->buffer.size() >= block) {
        parts_->flush();
    }
}

void WholeFile::finish() {
    parts_->flush();
    parts_->file.take_place();
}

std::string read_file(const fs::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);  // NOLINT(*-vararg)
    if (descriptor < 0) {
        throw FileError(errno, path);
    }
    std::string data;
    std::error_code unknown;
    const auto size = fs::file_size(path, unknown);
    data.resize(unknown ? block : size + 1);
    std::size_t filled = 0;
    ssize_t done = 0;
    while ((done = ::read(descriptor, data.data() + filled, data.size() - filled)) != 0) {
        if (done < 0 && errno != EINTR) {
            const int error = errno;
            ::close(descriptor);
            throw FileError(error, path);
        }
        filled += done < 0 ? 0 : static_cast<std::size_t>(done);
        if (filled == data.size()) {
            data.resize(2 * filled);
        }
    }
    ::close(descriptor);
    data.resize(filled);
    return data;
}

}  // namespace swsss
