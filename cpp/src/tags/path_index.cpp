#include "tags/path_index.hpp"

#include <bit>
#include <functional>

namespace swsss {
namespace {

std::uint32_t hash_of(std::string_view part) { return static_cast<std::uint32_t>(std::hash<std::string_view>{}(part)); }

}  // namespace

PathIndex::PathIndex(const std::vector<std::string>& paths, Part part)
    : paths_(paths), part_(part), slots_(std::bit_ceil(2 * paths.size() + 1)) {
    for (std::size_t index = 0; index < paths.size(); ++index) {
        const std::string_view text = part_(paths[index]);
        const std::uint32_t hash = hash_of(text);
        Slot& slot = slots_[slot_of(text, hash)];
        if (slot.path == 0) {
            slot = {hash, static_cast<std::uint32_t>(index + 1)};
            ++size_;
        }
    }
}

std::optional<std::size_t> PathIndex::find(std::string_view part) const {
    const std::uint32_t path = slots_[slot_of(part, hash_of(part))].path;
    return path == 0 ? std::nullopt : std::optional<std::size_t>(path - 1);
}

std::size_t PathIndex::slot_of(std::string_view part, std::uint32_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
        const Slot& slot = slots_[at];
        if (slot.path == 0 || (slot.hash == hash && part_(paths_[slot.path - 1]) == part)) {
            return at;
        }
    }
}

}  // namespace swsss
