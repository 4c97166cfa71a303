/// Files that appear whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace swsss {

/// A system call on a file failed; `code().value()` is its errno, `reason()` what strerror says of it.
class FileError : public std::system_error {
  public:
    FileError(int error, const std::filesystem::path& path);
    [[nodiscard]] std::string reason() const;
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  private:
    std::filesystem::path path_;
};

/// What strerror says of an errno, in English.
[[nodiscard]] std::string reason_of(int error);

/// Write a file so that it appears whole or not at all, also when the process is killed: beside, fsync, rename.
///
/// Parent folders are made. A killed process can leave a file `.*.tmp` beside it.
/// @throws FileError The folder cannot be written, or the disk is full; nothing is left behind.
void write_whole(const std::filesystem::path& path, std::span<const std::uint8_t> data);
void write_whole(const std::filesystem::path& path, std::string_view text);

/// A file that takes its place only when it is finished; for what is too big for memory.
class WholeFile {
  public:
    /// @throws FileError It cannot be written.
    explicit WholeFile(const std::filesystem::path& path);
    WholeFile(const WholeFile&) = delete;
    WholeFile& operator=(const WholeFile&) = delete;
    WholeFile(WholeFile&&) = delete;
    WholeFile& operator=(WholeFile&&) = delete;
    /// Removes what was written, unless `finish` was called.
    ~WholeFile();

    void write(std::string_view text);  ///< @throws FileError The disk is full.
    void finish();                      ///< fsync and rename. @throws FileError

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

/// The bytes of a file.
/// @throws FileError It cannot be read.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

}  // namespace swsss
