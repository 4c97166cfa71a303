/// `manifest.csv` and `failures.csv`: what was labelled and what was not, a row an image, in the order of names.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "labels/records.hpp"
#include "tags/class_table.hpp"

namespace swsss {

/// Calls back for every labelled image, in the order of names.
using Rows = std::function<void(const std::function<void(const Labelled&)>&)>;

/// A CSV file as Python's csv module writes it: fields are quoted where they must be; a row with a carriage return
/// wholly.
class CsvFile {
  public:
    /// @throws FileError It cannot be written.
    CsvFile(const std::filesystem::path& path, const std::vector<std::string>& columns);
    void add(const std::vector<std::string>& fields);  ///< @throws FileError The disk is full.
    void finish();                                     ///< Let it take its place. @throws FileError

  private:
    WholeFile file_;
};

/// Write `manifest.csv`, whole or not at all, without holding it in memory.
///
/// Columns: image and mask (paths below the image folder and below `masks/`), width and height as stored, tags (empty
/// for none, `*` when the image was labelled without tags), found, not_found, mean confidence over all pixels (0..1),
/// pixels and mean confidence of each class as `cat=123;ignore=4`. Names within a field are separated by `;`.
/// @throws FileError It cannot be written.
void write_manifest(const std::filesystem::path& path, const Rows& rows, const ClassTable& classes);

/// The columns of `failures.csv`.
[[nodiscard]] std::vector<std::string> failure_columns();

}  // namespace swsss
