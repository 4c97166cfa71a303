#include "tags/class_table.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

constexpr std::size_t fewest = 2;
constexpr std::size_t most = 255;
constexpr std::size_t listed = 30;

}  // namespace

ClassTable::ClassTable(std::vector<std::string> names) : names_(std::move(names)) {
    if (names_.size() < fewest || names_.size() > most) {
        throw UserError("A class table needs 2 to 255 names, background first; this one has " +
                        std::to_string(names_.size()) + ".");
    }
    for (const std::string& name : names_) {
        if (!ids_.emplace(name, static_cast<int>(ids_.size())).second) {
            throw UserError("Class '" + name + "' occurs twice in the class table; every name must be different.");
        }
    }
}

int ClassTable::find(const std::string& name) const {
    const auto found = ids_.find(name);
    return found == ids_.end() ? -1 : found->second;
}

std::string ClassTable::listing() const {
    const auto count = static_cast<std::ptrdiff_t>(std::min(listed, names_.size()));
    return "the classes are " + join({names_.begin(), names_.begin() + count}, ", ") +
           (names_.size() <= listed ? "." : ", ...");
}

}  // namespace swsss
