/// `tags.csv`: which classes each image holds, read from either of its two shapes with every mistake found at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tags/class_table.hpp"

namespace swsss {

/// Foreground class ids, ascending.
using Tags = std::vector<int>;

/// Tags by the index of an image. Equal tags are kept once: a million rows cost four bytes each.
class TagTable {
  public:
    TagTable() = default;
    explicit TagTable(std::size_t images) : of_image_(images, none) {}

    /// The tags of an image, until the next `intern`; null when it has no row.
    [[nodiscard]] const Tags* find(std::size_t image) const {
        return image >= of_image_.size() || of_image_[image] == none ? nullptr : &sets_[of_image_[image]];
    }

    /// The number under which these tags are kept.
    std::uint32_t intern(const Tags& tags) {
        const auto [entry, added] = known_.emplace(tags, static_cast<std::uint32_t>(sets_.size()));
        if (added) {
            sets_.push_back(tags);
        }
        return entry->second;
    }

    /// Give an image its tags unless it has some; the number of those it has now.
    std::uint32_t give(std::size_t image, std::uint32_t tags) {
        if (of_image_[image] == none) {
            of_image_[image] = tags;
        }
        return of_image_[image];
    }

    [[nodiscard]] bool has(std::size_t image) const { return of_image_[image] != none; }

  private:
    static constexpr std::uint32_t none = UINT32_MAX;

    std::map<Tags, std::uint32_t> known_;
    std::vector<Tags> sets_;
    std::vector<std::uint32_t> of_image_;
};

/// Read `tags.csv` in the shape `image,labels` or as a wide 0/1 table `image,cat,dog,...`.
///
/// @param path The file; UTF-8, any line ending, separated by commas, or by semicolons as European Excel does.
/// @param classes Classes the labels may name; 'background' is allowed and says nothing.
/// @param images Relative paths of the images there are, with `/` and extension. Rows may leave the extension out.
/// @returns Tags by the index of an image in `images`.
/// @throws UserError The file cannot be opened.
/// @throws InputError Anything in it is wrong; all of it is told at once.
[[nodiscard]] TagTable read_tags(const std::filesystem::path& path, const ClassTable& classes,
                                 const std::vector<std::string>& images);

}  // namespace swsss
