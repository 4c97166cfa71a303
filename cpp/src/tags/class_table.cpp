#include "tags/class_table.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "swsss/errors.hpp"
#include "tags/similarity.hpp"

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

std::string ClassTable::suggestion(const std::string& name) const {
    std::vector<std::string> lowered;  // distinct, in the order they first occur
    std::unordered_map<std::string, std::string> original;
    for (const std::string& known : names_) {
        const std::string low = lower(known);
        if (!original.contains(low)) {
            lowered.push_back(low);
        }
        original[low] = known;
    }
    if (const auto close = closest(lower(name), lowered)) {
        return "did you mean '" + original.at(*close) + "'?";
    }
    const std::vector<std::string> first(names_.begin(),
                                         names_.begin() + static_cast<std::ptrdiff_t>(std::min(listed, names_.size())));
    return "the classes are " + join(first, ", ") + (names_.size() <= listed ? "." : ", ...");
}

}  // namespace swsss
