#include "formats/filler.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/text.hpp"
#include "images/read_mask.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;

/// What keeps one consumer busy with masks, and the memory small.
constexpr int threads = 2;
constexpr std::size_t depth = 8;

double as_in_manifest(double value) { return std::strtod(fixed(value, 4).c_str(), nullptr); }

/// The row as it is read back from `manifest.csv`.
Labelled rounded(Labelled row, const ClassTable& classes) {
    row.mean_confidence = as_in_manifest(row.mean_confidence);
    for (auto& [id, value] : row.confidence) {
        value = as_in_manifest(value);
    }
    // There, a class of this name cannot be told from what was left out.
    row.confidence.erase(classes.find("ignore"));
    return row;
}

Plane checked_mask(const fs::path& path, const Labelled& row, const ClassTable& classes) {
    Plane mask = read_mask(path);
    const auto size = [](int width, int height) { return std::to_string(width) + "×" + std::to_string(height); };
    if (mask.width != row.width || mask.height != row.height) {
        throw UserError(path.string() + " has " + size(mask.width, mask.height) + " pixels, but its image has " +
                        size(row.width, row.height) + ".");
    }
    const auto unknown = std::find_if(mask.values.begin(), mask.values.end(),
                                      [&](int value) { return value >= classes.size() && value != ignore_id; });
    if (unknown != mask.values.end()) {
        throw UserError(path.string() + " holds the class id " + std::to_string(*unknown) +
                        ", but classes.txt ends with " + std::to_string(classes.size() - 1) + ".");
    }
    return mask;
}

std::string without(std::string text, const std::string& part) {
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos;) {
        text.erase(at, part.size());
    }
    return text;
}

}  // namespace

Filler::Filler(const std::vector<OpenFormat>& formats, fs::path masks, const ClassTable& classes,
               const std::function<void(std::size_t)>& progress)
    : formats_(formats), masks_(std::move(masks)), classes_(classes), progress_(progress), pool_(threads) {}

void Filler::add(const Labelled& row) {
    if (waiting_.size() == depth) {
        take();
    }
    waiting_.push_back(pool_.submit([this, row = rounded(row, classes_)] { return load(row); }));
}

std::vector<Failed> Filler::finish() {
    while (!waiting_.empty()) {
        take();
    }
    return std::move(failed_);
}

Filler::Loaded Filler::load(const Labelled& row) const {
    try {
        return {row, checked_mask(masks_ / row.mask, row, classes_), ""};
    } catch (const UserError& error) {
        // No machine's paths in the list of failures.
        return {row, {}, without(error.what(), (masks_ / "").string())};
    }
}

void Filler::take() {
    const Loaded loaded = waiting_.front().get();
    waiting_.pop_front();
    if (loaded.problem.empty()) {
        add_to_formats(loaded);
    } else {
        failed_.push_back({loaded.row.image, "mask", loaded.problem});
    }
    progress_(++done_);
}

void Filler::add_to_formats(const Loaded& loaded) {
    for (const OpenFormat& format : formats_) {
        try {
            format.sink->add(loaded.row, loaded.mask);
        } catch (const UserError& error) {
            failed_.push_back({loaded.row.image, format.name, error.what()});
        }
    }
}

}  // namespace swsss
