/// Finding the image that a row of a table names.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tags/path_index.hpp"

namespace swsss {

/// Finds the image a row means: by path, with or without extension, with slashes or backslashes.
class ImageNames {
  public:
    /// @param images Relative paths of the images there are; must outlive this.
    explicit ImageNames(const std::vector<std::string>& images);

    /// The image that is meant; none when there is none or more than one.
    [[nodiscard]] std::optional<std::size_t> find(std::string_view written);

    /// What is wrong with a name that `find` did not find, and what to write instead.
    [[nodiscard]] std::string why_not(std::string_view written);

  private:
    using Ambiguous = std::unordered_map<std::string_view, std::vector<std::size_t>>;

    [[nodiscard]] std::optional<std::size_t> find_exact(std::string_view written);
    /// All paths; made when rows are in another order than the images.
    const PathIndex& exact();
    /// The first image of each path without extension; made when a row leaves one out.
    const PathIndex& by_stem();
    /// All images of each path without extension that more than one has.
    const Ambiguous& ambiguous();
    /// One image by its bare file name in lower case.
    const std::unordered_map<std::string, std::size_t>& by_name();

    const std::vector<std::string>& images_;
    std::size_t expected_ = 0;  // the image behind the one that was found last
    std::optional<PathIndex> exact_;
    std::optional<PathIndex> by_stem_;
    std::optional<Ambiguous> ambiguous_;
    std::optional<std::unordered_map<std::string, std::size_t>> by_name_;
};

/// A path without its extension.
[[nodiscard]] std::string_view stem_of(std::string_view image);

}  // namespace swsss
