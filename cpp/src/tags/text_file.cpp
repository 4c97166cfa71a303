#include "tags/text_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <span>
#include <utility>

#include "base/files.hpp"

namespace swsss {
namespace {

class Blocks {
  public:
    explicit Blocks(std::filesystem::path path)
        : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {  // NOLINT(*-vararg)
        if (descriptor_ < 0) {
            throw FileError(errno, path_);
        }
    }
    Blocks(const Blocks&) = delete;
    Blocks& operator=(const Blocks&) = delete;
    Blocks(Blocks&&) = delete;
    Blocks& operator=(Blocks&&) = delete;
    ~Blocks() { ::close(descriptor_); }

    [[nodiscard]] std::size_t read(std::span<char> buffer) const {
        while (true) {
            const ssize_t count = ::read(descriptor_, buffer.data(), buffer.size());
            if (count >= 0) {
                return static_cast<std::size_t>(count);
            }
            if (errno != EINTR) {
                throw FileError(errno, path_);
            }
        }
    }

  private:
    std::filesystem::path path_;
    int descriptor_;
};

}  // namespace

Lines::Source open_text(const std::filesystem::path& path) {
    const auto blocks = std::make_shared<Blocks>(path);  // shared, because std::function wants to copy what it holds
    return [blocks](std::span<char> buffer) { return blocks->read(buffer); };
}

}  // namespace swsss
