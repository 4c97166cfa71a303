#include "tags/image_names.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace swsss {
namespace {

/// Python's `posixpath.normpath`.
std::string normalised(const std::string& path) {
    const bool absolute = path.front() == '/';
    const bool double_slash = path.size() >= 2 && path[1] == '/' && (path.size() == 2 || path[2] != '/');
    std::vector<std::string> parts;
    for (const std::string_view part : split(path, "/")) {
        if (part.empty() || part == ".") {
            continue;
        }
        if (part != ".." || (!absolute && parts.empty()) || (!parts.empty() && parts.back() == "..")) {
            parts.emplace_back(part);
        } else if (!parts.empty()) {
            parts.pop_back();
        }
    }
    const std::string joined = (absolute ? (double_slash ? "//" : "/") : "") + join(parts, "/");
    return joined.empty() ? "." : joined;
}

std::string tidied(std::string_view written) {
    std::string name(strip(written));
    std::replace(name.begin(), name.end(), '\\', '/');
    return name.empty() ? "" : normalised(name);
}

std::string bare(std::string_view image) {
    const std::string_view file = image.substr(image.rfind('/') + 1);
    // Dots at the beginning belong to the name (`posixpath.splitext`).
    const std::size_t begin = std::min(file.find_first_not_of('.'), file.size());
    const std::size_t dot = file.rfind('.');
    return lower(dot == std::string_view::npos || dot < begin ? file : file.substr(0, dot));
}

bool is_absolute(const std::string& name) {
    const bool letter = (name[0] >= 'A' && name[0] <= 'Z') || (name[0] >= 'a' && name[0] <= 'z');
    return name[0] == '/' || (letter && name.size() > 1 && name[1] == ':');
}

}  // namespace

std::string_view stem_of(std::string_view image) {
    const std::size_t dot = image.rfind('.');
    return dot == std::string_view::npos ? std::string_view() : image.substr(0, dot);
}

ImageNames::ImageNames(const std::vector<std::string>& images) : images_(images) {}

std::optional<std::size_t> ImageNames::find_exact(std::string_view written) {
    if (expected_ < images_.size() && images_[expected_] == written) {
        return expected_++;
    }
    const auto found = exact().find(written);
    expected_ = found ? *found + 1 : expected_;
    return found;
}

const PathIndex& ImageNames::exact() {
    if (!exact_) {
        exact_.emplace(images_, [](std::string_view path) { return path; });
    }
    return *exact_;
}

const PathIndex& ImageNames::by_stem() {
    if (!by_stem_) {
        by_stem_.emplace(images_, &stem_of);
    }
    return *by_stem_;
}

const ImageNames::Ambiguous& ImageNames::ambiguous() {
    if (!ambiguous_) {
        ambiguous_.emplace();
        // Most folders have none: then there is nothing to look for.
        for (std::size_t index = 0; index < images_.size() && by_stem().size() < images_.size(); ++index) {
            const std::string_view stem = stem_of(images_[index]);
            const std::size_t first = by_stem().find(stem).value_or(index);
            if (first != index) {
                auto& all = (*ambiguous_)[stem];
                if (all.empty()) {
                    all.push_back(first);
                }
                all.push_back(index);
            }
        }
    }
    return *ambiguous_;
}

const std::unordered_map<std::string, std::size_t>& ImageNames::by_name() {
    if (!by_name_) {
        by_name_.emplace();
        for (std::size_t index = 0; index < images_.size(); ++index) {
            by_name_->emplace(bare(images_[index]), index);
        }
    }
    return *by_name_;
}

std::optional<std::size_t> ImageNames::find(std::string_view written) {
    if (const auto image = find_exact(written)) {
        return image;
    }
    std::string name(written);
    auto image = by_stem().find(name);
    if (!image) {
        name = tidied(written);
        image = find_exact(name);
        image = image ? image : by_stem().find(name);
    }
    return image && ambiguous().contains(name) && images_[*image] != name ? std::nullopt : image;
}

std::string ImageNames::why_not(std::string_view written) {
    const std::string name = tidied(written);
    const std::string told = "'" + std::string(written) + "'";
    if (name.empty()) {
        return "the image name is empty; write its path below the image folder.";
    }
    if (is_absolute(name)) {
        return told + " is an absolute path; write it relative to the image folder.";
    }
    if (name == ".." || name.starts_with("../")) {
        return told + " leaves the image folder; write a path below it.";
    }
    if (const auto several = ambiguous().find(name); several != ambiguous().end()) {
        std::vector<std::string> all;
        for (const std::size_t image : several->second) {
            all.push_back(images_[image]);
        }
        return told + " could be " + join(all, " or ") + "; write the extension.";
    }
    // Only looked for by file name: comparing spellings over a million images would take minutes.
    const auto similar = by_name().find(bare(name));
    return "there is no image " + told + "; " +
           (similar == by_name().end() ? "names are relative to the image folder."
                                       : "did you mean '" + images_[similar->second] + "'?");
}

}  // namespace swsss
