#include "report/summary.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <set>
#include <string_view>
#include <tuple>

#include "base/text.hpp"

namespace swsss {
namespace {

constexpr std::size_t most_kinds = 50;

/// Draws images evenly, yet the same ones every time.
double lot_of(const std::string& name) {
    return static_cast<double>(
        crc32_z(0, reinterpret_cast<const Bytef*>(name.data()), name.size()));  // NOLINT(*-reinterpret-cast)
}

std::size_t bin_of(double confidence) {
    const double bin = confidence * static_cast<double>(histogram_bins);
    constexpr std::size_t last = histogram_bins - 1;
    return bin >= static_cast<double>(last) ? last : bin > 0 ? static_cast<std::size_t>(bin) : 0;
}

/// With N for every number.
std::string without_numbers(std::string_view text) {
    std::string result;
    bool in_number = false;
    for (const char letter : text) {
        const bool digit = letter >= '0' && letter <= '9';
        if (!digit || !in_number) {
            result += digit ? 'N' : letter;
        }
        in_number = digit;
    }
    return result;
}

std::string kind_of(const Failed& failure) {
    const std::string_view reason = failure.reason;
    const std::size_t at = reason.find(failure.image);
    const std::string_view rest =
        at == std::string_view::npos ? std::string_view() : strip(reason.substr(at + failure.image.size()));
    return without_numbers(rest.empty() ? reason : rest);
}

}  // namespace

void LeastRows::add(const Key& key, const Labelled& row) {
    if (rows_.size() == most_shown && key >= rows_.back().first) {
        return;
    }
    const auto place = std::find_if(rows_.begin(), rows_.end(), [&](const auto& each) { return key < each.first; });
    rows_.insert(place, {key, row});
    if (rows_.size() > most_shown) {
        rows_.pop_back();
    }
}

std::optional<double> ClassCount::confidence() const {
    return pixels > 0 ? std::optional(sureness / static_cast<double>(pixels)) : std::nullopt;
}

Summary::Summary(const ClassTable& classes)
    : names_(classes.names()), per_class_(names_.size()), examples_(names_.size()) {}

void Summary::add(const Labelled& row) {
    ++images_;
    untagged_ += row.tags ? 0 : 1;
    confidence_ += row.mean_confidence;
    ++histogram_.at(bin_of(row.mean_confidence));
    least_sure_.add({row.mean_confidence, row.image}, row);
    add_tags(row);
    add_pixels(row);
}

void Summary::add_tags(const Labelled& row) {
    for (const int id : row.tags.value_or(std::vector<int>{})) {
        ClassCount& count = per_class_.at(static_cast<std::size_t>(id));
        ++count.tagged;
        if (!row.pixels.contains(id)) {
            ++count.missing;
            examples_.at(static_cast<std::size_t>(id)).add({lot_of(row.image), row.image}, row);
        }
    }
}

void Summary::add_pixels(const Labelled& row) {
    for (const auto& [id, pixels] : row.pixels) {
        if (id == ignore_id) {
            left_out_ += pixels;
        } else {
            const auto confidence = row.confidence.find(id);
            ClassCount& count = per_class_.at(static_cast<std::size_t>(id));
            ++count.found;
            count.pixels += pixels;
            count.sureness +=
                static_cast<double>(pixels) * (confidence == row.confidence.end() ? 0.0 : confidence->second);
        }
    }
}

void Summary::add(const Failed& row) {
    ++failed_;
    const std::pair kind(row.stage, kind_of(row));
    const bool kept = kinds_.contains(kind) || kinds_.size() < most_kinds;
    ++kinds_[kept ? kind : std::pair(row.stage, std::string("other reasons"))];
    if (failures_.size() < most_failures) {
        failures_.push_back(row);
    }
}

std::int64_t Summary::pixels() const {
    return std::accumulate(per_class_.begin(), per_class_.end(), left_out_,
                           [](std::int64_t sum, const ClassCount& count) { return sum + count.pixels; });
}

double Summary::mean_confidence() const { return images_ > 0 ? confidence_ / static_cast<double>(images_) : 0.0; }

std::int64_t Summary::tags() const {
    return std::accumulate(per_class_.begin(), per_class_.end(), std::int64_t{0},
                           [](std::int64_t sum, const ClassCount& count) { return sum + count.tagged; });
}

std::int64_t Summary::tags_missing() const {
    return std::accumulate(per_class_.begin(), per_class_.end(), std::int64_t{0},
                           [](std::int64_t sum, const ClassCount& count) { return sum + count.missing; });
}

std::vector<Labelled> Summary::least_sure() const {
    std::vector<Labelled> rows;
    for (const auto& [key, row] : least_sure_.rows()) {
        rows.push_back(row);
    }
    return rows;
}

std::vector<Labelled> Summary::missing() const {
    std::vector<std::size_t> order(per_class_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [this](std::size_t first, std::size_t second) {
        return per_class_[first].missing > per_class_[second].missing;
    });
    std::vector<Labelled> rows;
    std::set<std::string_view> taken;
    for (std::size_t turn = 0; turn < most_shown; ++turn) {
        for (const std::size_t id : order) {
            const auto& examples = examples_[id].rows();
            if (turn < examples.size() && rows.size() < most_shown &&
                taken.insert(examples[turn].second.image).second) {
                rows.push_back(examples[turn].second);
            }
        }
    }
    return rows;
}

std::vector<FailureKind> Summary::kinds() const {
    std::vector<FailureKind> kinds;
    for (const auto& [kind, count] : kinds_) {
        kinds.push_back({kind.first, kind.second, count});
    }
    const auto order = [](const FailureKind& kind) { return std::tuple(-kind.count, kind.stage, kind.reason); };
    std::sort(kinds.begin(), kinds.end(),
              [&](const FailureKind& first, const FailureKind& second) { return order(first) < order(second); });
    return kinds;
}

}  // namespace swsss
