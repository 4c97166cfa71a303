/// CVAT: "Segmentation mask 1.1", a VOC tree in `cvat.zip` to be uploaded to the task that holds the images.
#pragma once

#include <memory>
#include <string>

#include "formats/sink.hpp"

namespace swsss {

/// Write `cvat.zip` into `folder`; an `Opener`. `labelmap.txt` declares the classes, with the colours of the masks.
///
/// @param image_prefix Not used: CVAT finds an image by its path without extension.
/// @throws UserError `labelmap.txt` cannot hold the name of a class.
/// @throws FileError The folder cannot be written.
[[nodiscard]] std::unique_ptr<Sink> open_cvat(const std::filesystem::path& folder, const ClassTable& classes,
                                              const std::string& image_prefix);

/// `labelmap.txt`.
/// @throws UserError It cannot hold the name of a class.
[[nodiscard]] std::string label_map(const ClassTable& classes);

}  // namespace swsss
