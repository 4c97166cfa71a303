/// From an engine's output to files: pixels left out, masks in the stored grid, counts.
#pragma once

#include <filesystem>

#include "labels/plan.hpp"
#include "labels/records.hpp"
#include "swsss/engine.hpp"

namespace swsss {

/// Writes what an engine gives.
struct Writer {
    std::filesystem::path out;  ///< The labels folder.
    bool confidence = false;    ///< Whether confidence maps are written as well.
    double ignore_below = 0.0;  ///< Pixels less sure than this (0..1) become 255.

    /// Write the mask of an image, and its confidence map when asked for.
    ///
    /// @param orientation EXIF orientation its pixels were turned upright from.
    /// @throws FileError A file cannot be written.
    [[nodiscard]] Labelled write(const Item& item, int orientation, Labels labels) const;
};

/// Count the pixels of each class that occurs (255 included) into `row`, and the mean probabilities (0..1).
void count_pixels(const Plane& mask, const Plane& confidence, Labelled& row);

}  // namespace swsss
