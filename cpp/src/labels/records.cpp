#include "labels/records.hpp"

namespace swsss {

std::vector<int> Labelled::found() const {
    std::vector<int> ids;
    for (const auto& [id, count] : pixels) {
        if (id != 0 && id != ignore_id) {
            ids.push_back(id);
        }
    }
    return ids;
}

std::vector<int> Labelled::not_found() const {
    std::vector<int> ids;
    for (const int id : tags.value_or(std::vector<int>{})) {
        if (!pixels.contains(id)) {
            ids.push_back(id);
        }
    }
    return ids;
}

}  // namespace swsss
