/// A model file that stays the one it was when it was opened, whatever happens to its name.
#pragma once

#include <filesystem>
#include <string>

namespace swsss {

class ModelFile {
  public:
    /// @throws UserError It cannot be read.
    explicit ModelFile(std::filesystem::path path);
    ModelFile(const ModelFile&) = delete;
    ModelFile& operator=(const ModelFile&) = delete;
    ModelFile(ModelFile&&) = delete;
    ModelFile& operator=(ModelFile&&) = delete;
    ~ModelFile();

    /// SHA-256 (hex) of its bytes, read block by block.
    /// @throws UserError It cannot be read.
    [[nodiscard]] std::string sha256() const;

    /// A path by which a library opens just this file, for as long as this object lives.
    [[nodiscard]] std::string path_to_open() const;

  private:
    std::filesystem::path path_;
    int descriptor_;
};

}  // namespace swsss
