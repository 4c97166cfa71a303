/// Finding the image that a row of a table names.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace swsss {

/// Finds the image a row means: by path, with or without extension, with slashes or backslashes.
class ImageNames {
  public:
    /// @param images Relative paths of the images there are; must outlive this.
    explicit ImageNames(const std::vector<std::string>& images);

    /// The image that is meant; none when there is none or more than one.
    [[nodiscard]] std::optional<std::size_t> find(std::string_view written);

    /// What is wrong with a name that `find` did not find.
    [[nodiscard]] std::string why_not(std::string_view written) const;

  private:
    static constexpr std::size_t several = static_cast<std::size_t>(-1);

    void make_index();
    [[nodiscard]] std::optional<std::size_t> look_up(std::string_view name);

    const std::vector<std::string>& images_;
    std::size_t expected_ = 0;  // the image after the one that was found last: most tables are sorted
    // Made when a row is not the expected one.
    std::unordered_map<std::string_view, std::size_t> by_path_;
    std::unordered_map<std::string_view, std::size_t> by_stem_;  // `several` where images share it
};

/// A path without its extension.
[[nodiscard]] std::string_view stem_of(std::string_view image);

}  // namespace swsss
