#include "report/galleries.hpp"

#include <algorithm>
#include <cstddef>
#include <set>

#include "report/words.hpp"

namespace swsss {
namespace {

using Names = std::vector<std::string>;

/// An image can have every class; a few of them are enough to know it by.
constexpr std::size_t most_chips = 8;

/// The first of these ids.
std::vector<int> few_of(std::vector<int> ids) {
    ids.resize(std::min(ids.size(), most_chips));
    return ids;
}

const std::string& name_of(int index, const Names& names) { return names.at(static_cast<std::size_t>(index)); }

View legend(const std::vector<Card>& cards, const Names& names) {
    std::set<int> shown;
    for (const Card& card : cards) {
        if (card.problem.empty()) {
            const std::vector<int> found = card.row.found();
            shown.insert(found.begin(), found.end());
        }
    }
    View classes = View::array();
    for (const int index : shown) {
        classes.push_back(class_of(index, names));
    }
    return classes;
}

View views(const Card& card, const Names& names, bool pairs) {
    View all = View::array();
    if (!card.problem.empty()) {
        return all;
    }
    const std::string image = words::shortened(card.row.image);
    if (pairs) {
        all.push_back({{"source", card.image}, {"told", image + ": the image"}});
    }
    std::string found;
    for (const int index : few_of(card.row.found())) {
        found += (found.empty() ? "" : ", ") + name_of(index, names);
    }
    all.push_back(
        {{"source", card.overlay}, {"told", image + ", mask: " + (found.empty() ? "background only" : found)}});
    return all;
}

View lacking(const std::vector<int>& not_found, const Names& names) {
    View all = View::array();
    for (const int index : few_of(not_found)) {
        all.push_back(name_of(index, names) + ": no pixel");
    }
    if (not_found.size() > most_chips) {
        all.push_back(std::to_string(not_found.size() - most_chips) + " more: no pixel");
    }
    return all;
}

View classes(const std::vector<int>& found, const Names& names) {
    View all = View::array();
    for (const int index : few_of(found)) {
        all.push_back(class_of(index, names));
    }
    return all;
}

View remarks(const Card& card) {
    View all = View::array();
    const std::size_t count = card.row.found().size();
    if (count == 0) {
        all.push_back("background only");
    }
    if (count > most_chips) {
        all.push_back("and " + std::to_string(count - most_chips) + " more");
    }
    if (!card.row.tags) {
        all.push_back("(no tags)");
    }
    return all;
}

}  // namespace

View gallery(const std::vector<Card>& cards, const Names& names, bool pairs) {
    View shown = View::array();
    for (const Card& card : cards) {
        shown.push_back({
            {"name", words::shortened(card.row.image)},
            {"confidence", words::percentage(card.row.mean_confidence)},
            {"problem", card.problem},
            {"views", views(card, names, pairs)},
            {"lacking", lacking(card.row.not_found(), names)},
            {"classes", classes(card.row.found(), names)},
            {"remarks", remarks(card)},
        });
    }
    return {{"shape", pairs ? "pairs" : "single"}, {"legend", legend(cards, names)}, {"cards", shown}};
}

}  // namespace swsss
