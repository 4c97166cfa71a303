/// What a labelling run is to do: every image with its tags, its mask's name and a key of all that decides its mask.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tags/class_table.hpp"
#include "tags/tags.hpp"

namespace swsss {

/// An image to label.
struct Item {
    std::string image;                     ///< Path below the image folder.
    std::string mask;                      ///< Path of its mask below `masks/`.
    std::optional<std::vector<int>> tags;  ///< Foreground ids, ascending; none for every class.
    std::string key;  ///< Digest (16 bytes) of all that decides its mask, the file's size and time of change included.
};

/// The images of a run.
struct Plan {
    std::filesystem::path folder;
    std::vector<std::string> names;                      ///< Images to label, sorted.
    std::unordered_map<std::string, std::string> masks;  ///< Of images that share a stem; others take theirs from it.
    TagsByImage tags;
    std::vector<std::string> untagged;       ///< Images that have no row in the tags file.
    std::string recipe;                      ///< What decides masks besides image and tags: model and options.
    std::unordered_set<std::string> wanted;  ///< Images that belong into the manifest: `names` before --limit, --only.

    /// Everything about one image, as its file is now.
    [[nodiscard]] Item item(const std::string& name) const;
};

/// Which images of the folder are labelled.
struct Selection {
    std::optional<std::filesystem::path> labels;  ///< tags.csv; none for a plain model.
    bool untagged = false;                      ///< Whether images without a row are labelled with every class allowed.
    std::optional<std::filesystem::path> only;  ///< File with one image a line.
    int limit = 0;                              ///< At most so many, in the order of names; 0 for all.
};

/// List the images, read the tags and see that everything fits together, before any work starts.
///
/// @throws UserError A folder or file is missing or cannot be read, or there is nothing to label.
/// @throws InputError Everything that is wrong with tags and names, all at once.
[[nodiscard]] Plan make_plan(const std::filesystem::path& folder, const Selection& selection, const ClassTable& classes,
                             std::string recipe);

}  // namespace swsss
