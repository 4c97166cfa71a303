/// What every output format is: a place that images are added to one by one, complete when it is finished.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "labels/records.hpp"
#include "swsss/image.hpp"
#include "tags/class_table.hpp"

namespace swsss {

/// An output being written; memory does not grow with the images added. Unless it is finished, nothing of it stays.
class Sink {
  public:
    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    Sink(Sink&&) = delete;
    Sink& operator=(Sink&&) = delete;
    virtual ~Sink() = default;

    /// What there is to be found once it is finished.
    [[nodiscard]] virtual std::vector<std::filesystem::path> files() const = 0;

    /// Add an image.
    ///
    /// @param row What the manifest says of it.
    /// @param mask Class ids, 255 = ignored, in the grid of `row`.
    /// @throws UserError The format cannot hold this image; nothing of it was written, the next one may be added.
    /// @throws FileError The output cannot be written.
    virtual void add(const Labelled& row, const Plane& mask) = 0;

    /// Let the files appear, whole or not at all.
    /// @throws FileError They cannot be written.
    virtual void finish() = 0;
};

/// Opens a format: folder to write into, classes, what image paths are prefixed with where a format wants URLs.
/// It throws UserError for class names that the format cannot hold.
using Opener = std::unique_ptr<Sink> (*)(const std::filesystem::path&, const ClassTable&, const std::string&);

}  // namespace swsss
