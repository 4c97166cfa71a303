#include "labels/listing.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/files.hpp"
#include "base/text.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 7> suffixes{".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"};

/// In lower case; no character that is not ASCII has one of these letters there.
std::string lower_ascii(std::string_view text) {
    std::string result(text);
    for (char& letter : result) {
        letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    }
    return result;
}

bool has_image_suffix(std::string_view name) {
    const std::size_t dot = name.rfind('.');
    return dot != std::string_view::npos &&
           std::find(suffixes.begin(), suffixes.end(), lower_ascii(name.substr(dot))) != suffixes.end();
}

bool is_image(const fs::directory_entry& entry) {
    std::error_code unknown;  // a link to nowhere is listed, and told when it is read
    return has_image_suffix(entry.path().filename().string()) &&
           !(entry.is_symlink(unknown) && fs::is_directory(entry.path(), unknown));
}

/// Adds what `folder / inside` holds to the images found and to the folders that wait, both relative to `folder`.
void list_one(const fs::path& folder, const std::string& inside, std::vector<std::string>& found,
              std::vector<std::string>& waiting) {
    std::error_code failed;
    // Without the slash at the end, as it is told.
    const fs::path path = inside.empty() ? folder : folder / inside.substr(0, inside.size() - 1);
    fs::directory_iterator entry(path, failed);
    for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
        const std::string name = entry->path().filename().string();
        std::error_code unknown;
        if (name.starts_with('.') || name == "@eaDir") {
            continue;
        }
        if (!entry->is_symlink(unknown) && entry->is_directory(unknown)) {
            waiting.push_back(inside + name + "/");
        } else if (is_image(*entry)) {
            found.push_back(inside + name);
        }
    }
    if (failed) {
        throw UserError("The folder " + path.string() + " cannot be read: " + reason_of(failed.value()) + ".");
    }
}

void refuse_undecodable(const fs::path& folder, const std::vector<std::string>& names) {
    std::vector<std::string> problems;
    for (const std::string& name : names) {
        if (!is_utf8(name)) {
            problems.push_back("The name '" + name + "' in " + folder.string() + " is not UTF-8; rename the file.");
        }
    }
    if (!problems.empty()) {
        throw InputError(std::move(problems));
    }
}

}  // namespace

std::vector<std::string> list_images(const fs::path& folder) {
    std::vector<std::string> found;
    std::vector<std::string> waiting{""};
    while (!waiting.empty()) {
        const std::string inside = std::move(waiting.back());
        waiting.pop_back();
        list_one(folder, inside, found, waiting);
    }
    std::sort(found.begin(), found.end());
    refuse_undecodable(folder, found);
    return found;
}

}  // namespace swsss
