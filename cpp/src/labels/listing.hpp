/// Which image files a folder holds.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace swsss {

/// List the image files below `folder`, by suffix in any case (jpg jpeg png webp bmp tif tiff).
///
/// Links to files are taken, links to folders are not followed. Hidden files and folders and `@eaDir` are passed over.
/// A pipe or a dangling link with an image's suffix is listed, so that reading it can say what is wrong.
///
/// @returns Paths relative to `folder`, with `/`, in the order of their bytes.
/// @throws UserError The folder, or one in it, cannot be read.
/// @throws InputError File names are not UTF-8; no tags and no list could name them.
[[nodiscard]] std::vector<std::string> list_images(const std::filesystem::path& folder);

}  // namespace swsss
