/// Where in a list of paths one stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swsss {

/// Finds paths by a part of them. Holds no text of its own: a million paths cost 16 MB, not 60.
class PathIndex {
  public:
    /// What of a path is looked for.
    using Part = std::string_view (*)(std::string_view);

    /// @param paths Fewer than 2^32; must outlive this.
    PathIndex(const std::vector<std::string>& paths, Part part);

    /// The first path with this part.
    [[nodiscard]] std::optional<std::size_t> find(std::string_view part) const;

    /// How many different parts there are.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    /// A place in the table; free when `path` is 0, else one more than the index of a path.
    struct Slot {
        std::uint32_t hash = 0;
        std::uint32_t path = 0;
    };

    /// The slot of a part, or the free one where it belongs.
    [[nodiscard]] std::size_t slot_of(std::string_view part, std::uint32_t hash) const;

    const std::vector<std::string>& paths_;
    Part part_;
    std::vector<Slot> slots_;  // open addressing, a power of two, at most half of it taken
    std::size_t size_ = 0;
};

}  // namespace swsss
