/// A file without a name, for what has to wait until other things are written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace swsss {

/// Written first, read back afterwards as often as wanted; gone with the object.
class Spool {
  public:
    /// @param folder Where its bytes are.
    /// @throws FileError The folder cannot be written.
    explicit Spool(const std::filesystem::path& folder);
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;
    Spool(Spool&&) = delete;
    Spool& operator=(Spool&&) = delete;
    ~Spool();

    void write(std::string_view text);  ///< @throws FileError The disk is full.

    /// Bytes written.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

    /// Call back with all that was written, block by block.
    /// @throws FileError The disk is full or broken.
    void read_back(const std::function<void(std::string_view)>& block);

  private:
    void flush();

    std::filesystem::path folder_;
    int descriptor_;
    std::string buffer_;
    std::uint64_t size_ = 0;
};

}  // namespace swsss
