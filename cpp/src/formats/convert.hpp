/// From a labels folder to other formats, without inference.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "labels/manifest.hpp"
#include "labels/records.hpp"
#include "tags/class_table.hpp"

namespace swsss {

/// What a conversion left.
struct Converted {
    std::vector<std::filesystem::path> files;  ///< What was written, in the order of the formats.
    /// Images that are missing in a format, in the manifest's order; `stage` is the format, or `mask` when the image is
    /// missing in all of them.
    std::vector<Failed> failed;
};

/// Write the masks of a labels folder in other formats, beside them.
///
/// All formats are written in one pass. An image that a format cannot hold, or whose mask is missing or damaged, is
/// left out and told; `convert-failures.csv` lists them all, and is removed when there are none. Confidences are those
/// of the manifest, with 4 decimals.
///
/// @param labels A folder with `masks/`.
/// @param formats coco, label-studio, cvat.
/// @param image_prefix What Label Studio is to find before the path of an image.
/// @param rows Calls back for every labelled image, in the manifest's order.
/// @param total How many images the manifest lists; it is told when their masks are gone.
/// @param progress Called with the number of images done.
/// @throws UserError There is no folder of masks, a format is unknown or cannot hold a class, or an output cannot be
///     written; every file is then whole or as it was.
[[nodiscard]] Converted convert(const std::filesystem::path& labels, const ClassTable& classes,
                                const std::vector<std::string>& formats, const std::string& image_prefix,
                                const Rows& rows, std::size_t total,
                                const std::function<void(std::size_t done)>& progress);

/// Make sure that formats can hold these classes, without writing anything.
///
/// @throws UserError One of them is unknown or cannot.
void check_formats(const std::vector<std::string>& formats, const ClassTable& classes, const std::string& image_prefix);

}  // namespace swsss
