/// `tags.csv`: which classes each image holds, read from either of its two shapes with every mistake found at once.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "tags/class_table.hpp"

namespace swsss {

/// Foreground class ids, ascending. Equal lists are shared between images, so a million rows cost a pointer each.
using Tags = std::shared_ptr<const std::vector<int>>;

/// Tags by image, as spelled in the list of images.
using TagsByImage = std::unordered_map<std::string, Tags>;

/// Read `tags.csv` in the shape `image,labels` or as a wide 0/1 table `image,cat,dog,...`.
///
/// @param path The file; UTF-8, any line ending, separated by commas, or by semicolons as European Excel does.
/// @param classes Classes the labels may name; 'background' is allowed and says nothing.
/// @param images Relative paths of the images there are, with `/` and extension. Rows may leave the extension out.
/// @returns Images without a row are not in it.
/// @throws UserError The file cannot be opened.
/// @throws InputError Anything in it is wrong; all of it is told at once.
[[nodiscard]] TagsByImage read_tags(const std::filesystem::path& path, const ClassTable& classes,
                                    const std::vector<std::string>& images);

}  // namespace swsss
