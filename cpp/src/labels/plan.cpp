#include "labels/plan.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "labels/listing.hpp"
#include "swsss/errors.hpp"
#include "tags/image_names.hpp"
#include "tags/row_problems.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;

/// Nanoseconds in decimal; beyond the year 2262, which file systems know, they need more than 64 bits.
std::string nanoseconds(const timespec& time) {
    constexpr std::int64_t in_second = 1'000'000'000;
    const bool negative = time.tv_sec < 0;
    const bool part_way = negative && time.tv_nsec > 0;
    const std::int64_t seconds = negative ? -std::int64_t{time.tv_sec} - (part_way ? 1 : 0) : time.tv_sec;
    const std::int64_t rest = part_way ? in_second - time.tv_nsec : time.tv_nsec;
    std::string digits = std::to_string(in_second + rest).replace(0, 1, std::to_string(seconds));
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
    return (negative ? "-" : "") + digits;
}

/// As Python writes the tuple; it is part of the key, which both programs have to agree on.
std::string tuple_repr(const std::optional<Tags>& tags) {
    if (!tags) {
        return "None";
    }
    std::string text = "(";
    for (const int id : *tags) {
        text += (text.size() > 1 ? ", " : "") + std::to_string(id);
    }
    return text + (tags->size() == 1 ? ",)" : ")");
}

std::string key_of(const Plan& plan, const Item& item) {
    std::string state = "gone";  // decoding will say so
    struct stat status {};
    if (::stat((plan.folder / item.image).c_str(), &status) == 0) {
        state = std::to_string(status.st_size) + " " + nanoseconds(status.st_mtim);
    }
    return blake2b_16(plan.recipe + "\n" + state + "\n" + tuple_repr(item.tags) + "\n" + item.mask);
}

std::string nothing_to_label(const fs::path& folder, const Selection& selection) {
    if (selection.only) {
        return "--only " + selection.only->string() + " names no image that is to be labelled.";
    }
    return "None of the images in " + folder.string() + " has a row in " + selection.labels->string() +
           "; add rows, or label without tags with --untagged all.";
}

std::string read_list(const fs::path& path) {
    std::string text;
    try {
        text = read_file(path);
    } catch (const FileError& error) {
        throw UserError("--only " + path.string() + " cannot be read: " + error.reason() + ".");
    }
    std::string lines;
    const std::string_view content = remove_prefix(text, "\xEF\xBB\xBF");
    for (std::size_t at = 0; at < content.size(); ++at) {
        const bool pair = content.substr(at, 2) == "\r\n";
        if (!pair) {
            lines += content[at] == '\r' ? '\n' : content[at];
        }
    }
    return lines;
}

/// Keep those of the wanted images that a list names.
std::vector<bool> listed(const fs::path& path, const Plan& plan) {
    std::vector<bool> chosen(plan.images.size());
    RowProblems problems(path);
    ImageNames names(plan.images);
    const std::string text = read_list(path);
    std::size_t number = 0;
    for (const std::string_view line : split(text, "\n")) {
        ++number;
        if (const auto image = names.find(line)) {
            chosen[*image] = plan.wanted[*image];
        } else if (line.find('\0') != std::string_view::npos) {
            problems.add(number, "the line holds a NUL byte; save the file as UTF-8.");
        } else if (!strip(line).empty()) {
            problems.add(number, names.why_not(line));
        }
    }
    problems.raise_any();
    return chosen;
}

/// Masks of images whose stem is shared: they keep the extension, `a.jpg.png` beside `a.png.png`.
std::unordered_map<std::size_t, std::string> shared_stems(const std::vector<std::string>& images) {
    std::unordered_map<std::string_view, int> stems;
    stems.reserve(images.size());
    for (const std::string& image : images) {
        ++stems[stem_of(image)];
    }
    std::unordered_map<std::size_t, std::string> shared;
    std::vector<std::string> clashes;
    for (std::size_t index = 0; index < images.size(); ++index) {
        if (stems.at(stem_of(images[index])) == 1) {
            continue;
        }
        shared.emplace(index, images[index] + ".png");
        // Another image's stem may be this image's whole name.
        const auto taken = stems.find(images[index]);
        if (taken != stems.end() && taken->second == 1) {
            clashes.push_back("'" + images[index] + "' and another image would share the mask " + images[index] +
                              ".png; rename one.");
        }
    }
    if (!clashes.empty()) {
        throw InputError(std::move(clashes));
    }
    return shared;
}

void choose(Plan& plan, const Selection& selection) {
    const std::size_t count = plan.images.size();
    plan.wanted.assign(count, selection.untagged || !selection.labels);
    for (std::size_t image = 0; image < count; ++image) {
        const bool tagged = plan.tags.find(image) != nullptr;
        if (selection.labels && !tagged) {
            plan.untagged.push_back(image);
        }
        plan.wanted[image] = plan.wanted[image] || tagged;
    }
    const std::vector<bool> chosen = selection.only ? listed(*selection.only, plan) : plan.wanted;
    const std::size_t most = selection.limit > 0 ? static_cast<std::size_t>(selection.limit) : count;
    for (std::size_t image = 0; image < count && plan.chosen.size() < most; ++image) {
        if (chosen[image]) {
            plan.chosen.push_back(image);
        }
    }
}

}  // namespace

Item Plan::item(std::size_t image) const {
    Item item;
    item.image = images[image];
    const auto shared = masks.find(image);
    item.mask = shared != masks.end() ? shared->second : std::string(stem_of(item.image)) + ".png";
    if (const Tags* found = tags.find(image)) {
        item.tags = *found;
    }
    item.key = key_of(*this, item);
    return item;
}

bool Plan::is_wanted(const std::string& image) const {
    const auto found = std::lower_bound(images.begin(), images.end(), image);
    return found != images.end() && *found == image && wanted[static_cast<std::size_t>(found - images.begin())];
}

Plan make_plan(const fs::path& folder, const Selection& selection, const ClassTable& classes, std::string recipe) {
    std::error_code unknown;
    if (!fs::is_directory(folder, unknown)) {
        throw UserError("There is no folder " + folder.string() + " with images.");
    }
    Plan plan;
    plan.folder = folder;
    plan.recipe = std::move(recipe);
    plan.images = list_images(folder);
    if (plan.images.empty()) {
        throw UserError(folder.string() + " holds no image (jpg, png, webp, bmp, tif).");
    }
    if (selection.labels) {
        plan.tags = read_tags(*selection.labels, classes, plan.images);
    }
    choose(plan, selection);
    if (plan.chosen.empty()) {
        throw UserError(nothing_to_label(folder, selection));
    }
    plan.masks = shared_stems(plan.images);
    return plan;
}

}  // namespace swsss
