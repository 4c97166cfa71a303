/// What a labelling run is to do: every image with its tags, its mask's name and a key of all that decides its mask.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tags/class_table.hpp"
#include "tags/tags.hpp"

namespace swsss {

/// An image to label.
struct Item {
    std::string image;         ///< Path below the image folder.
    std::string mask;          ///< Path of its mask below `masks/`.
    std::optional<Tags> tags;  ///< None for every class.
    std::string key;  ///< Digest (16 bytes) of all that decides its mask, the file's size and time of change included.
};

/// The images of a run, by their index in `images`.
struct Plan {
    std::filesystem::path folder;
    std::vector<std::string> images;  ///< All that the folder holds, sorted.
    std::vector<std::size_t> chosen;  ///< Those to label, ascending.
    std::vector<bool> wanted;         ///< Whether an image belongs into the manifest: chosen, but for --limit, --only.
    std::vector<std::size_t> untagged;  ///< Images that have no row in the tags file, ascending.
    TagTable tags;
    std::unordered_map<std::size_t, std::string> masks;  ///< Of images that share a stem; others take theirs from it.
    std::string recipe;                                  ///< What decides masks besides image and tags: model, options.

    /// Everything about one image, as its file is now.
    [[nodiscard]] Item item(std::size_t image) const;

    /// Whether an image, by its path, belongs into the manifest.
    [[nodiscard]] bool is_wanted(const std::string& image) const;
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
