#include "tags/image_names.hpp"

#include <algorithm>
#include <filesystem>

#include "base/text.hpp"

namespace swsss {
namespace {

/// Without blanks around it, with slashes, and without `.`, `..` and doubled slashes where they can be left out.
std::string tidied(std::string_view written) {
    std::string name(strip(written));
    std::replace(name.begin(), name.end(), '\\', '/');
    name = std::filesystem::path(name).lexically_normal().string();
    if (name.size() > 1 && name.back() == '/') {
        name.pop_back();
    }
    return name;
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

void ImageNames::make_index() {
    for (std::size_t index = 0; index < images_.size(); ++index) {
        by_path_.emplace(images_[index], index);
        if (const auto [entry, added] = by_stem_.emplace(stem_of(images_[index]), index); !added) {
            entry->second = several;
        }
    }
}

std::optional<std::size_t> ImageNames::look_up(std::string_view name) {
    if (const auto path = by_path_.find(name); path != by_path_.end()) {
        expected_ = path->second + 1;
        return path->second;
    }
    const auto stem = by_stem_.find(name);
    return stem == by_stem_.end() || stem->second == several ? std::nullopt : std::optional(stem->second);
}

std::optional<std::size_t> ImageNames::find(std::string_view written) {
    if (expected_ < images_.size() && images_[expected_] == written) {
        return expected_++;
    }
    if (by_path_.empty()) {
        make_index();
    }
    const auto image = look_up(written);
    return image ? image : look_up(tidied(written));
}

std::string ImageNames::why_not(std::string_view written) const {
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
    if (by_stem_.contains(name)) {
        return told + " could be more than one image; write the extension.";
    }
    return "there is no image " + told + "; names are relative to the image folder.";
}

}  // namespace swsss
