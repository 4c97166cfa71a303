#include "report/tables.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>

#include "report/words.hpp"

namespace swsss {
namespace {

const ClassCount& count_of(const Summary& summary, int index) {
    return summary.per_class().at(static_cast<std::size_t>(index));
}

/// The most that a foreground class has of something.
std::int64_t most(const Summary& summary, std::int64_t ClassCount::*what) {
    std::int64_t found = 0;
    for (std::size_t index = 1; index < summary.per_class().size(); ++index) {
        found = std::max(found, summary.per_class()[index].*what);
    }
    return found;
}

/// A class and its bars; those of background stay empty, it would outdo all others.
View used_class(const Summary& summary, int index) {
    const ClassCount& count = count_of(summary, index);
    const double found = index > 0 ? share_of(count.found, most(summary, &ClassCount::found)) : 0;
    const double pixels = index > 0 ? share_of(count.pixels, most(summary, &ClassCount::pixels)) : 0;
    View row = class_of(index, summary.names());
    row["found"] = bar(found, words::number(count.found));
    row["tagged"] = index > 0 ? View(words::number(count.tagged)) : View(nullptr);
    row["pixels"] = bar(pixels, words::percent(share_of(count.pixels, summary.pixels())));
    row["confidence"] = confidence_bar(count.confidence());
    return row;
}

}  // namespace

std::vector<int> lacking_classes(const Summary& summary) {
    std::vector<int> classes;
    for (int index = 0; index < static_cast<int>(summary.names().size()); ++index) {
        if (count_of(summary, index).missing > 0) {
            classes.push_back(index);
        }
    }
    std::stable_sort(classes.begin(), classes.end(), [&](int first, int second) {
        return count_of(summary, first).missing > count_of(summary, second).missing;
    });
    return classes;
}

View lacking_class(const Summary& summary, int index) {
    const ClassCount& count = count_of(summary, index);
    const double share = share_of(count.missing, count.tagged);
    View row = class_of(index, summary.names());
    row["tagged"] = words::number(count.tagged);
    row["missing"] = words::number(count.missing);
    row["share"] = bar(share, words::percent(share));
    row["confidence"] = confidence_bar(count.confidence());
    return row;
}

View used_and_unused(const Summary& summary) {
    std::vector<int> used;
    std::string unused;
    for (int index = 1; index < static_cast<int>(summary.names().size()); ++index) {
        const ClassCount& count = count_of(summary, index);
        if (count.tagged > 0 || count.found > 0) {
            used.push_back(index);
        } else {
            unused += (unused.empty() ? "" : ", ") + summary.names()[static_cast<std::size_t>(index)];
        }
    }
    const auto order = [&](int index) {
        return std::tuple(-count_of(summary, index).found, -count_of(summary, index).tagged);
    };
    std::stable_sort(used.begin(), used.end(), [&](int first, int second) { return order(first) < order(second); });
    View rows = View::array({used_class(summary, 0)});
    for (const int index : used) {
        rows.push_back(used_class(summary, index));
    }
    return {{"used", rows}, {"unused", unused}};
}

}  // namespace swsss
