/// ZIP files of millions of entries in constant memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "formats/spool.hpp"

namespace swsss {

/// A ZIP file (PKWARE APPNOTE 6.3) written front to back, its entries stored as they are. The same entries give the
/// same bytes whenever they are written.
class Archive {
  public:
    using Write = std::function<void(std::string_view)>;

    /// @param write Takes the archive piece by piece.
    /// @param folder Where the table of contents waits for the end.
    /// @param position Bytes that stand before what is written, part of the archive.
    /// @throws FileError The folder cannot be written.
    Archive(Write write, const std::filesystem::path& folder, std::uint64_t position = 0)
        : write_(std::move(write)), directory_(folder), position_(position) {}

    /// Add a file.
    ///
    /// @param name Its path in the archive, UTF-8.
    /// @param data Its content, below 4 GiB.
    void add(const std::string& name, std::string_view data);

    /// Add what a spool holds, below 4 GiB.
    void add(const std::string& name, Spool& content);

    /// Write the table of contents; nothing can be added after it.
    void close();

  private:
    void begin(const std::string& name, std::uint32_t check, std::uint64_t size);
    void put(std::string_view data);

    Write write_;
    Spool directory_;
    std::uint64_t position_;
    std::uint64_t count_ = 0;
};

}  // namespace swsss
