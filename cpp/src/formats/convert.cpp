#include "formats/convert.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

#include "base/files.hpp"
#include "formats/coco.hpp"
#include "formats/cvat.hpp"
#include "formats/filler.hpp"
#include "formats/label_studio.hpp"
#include "formats/sink.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;

struct Format {
    std::string_view name;
    Opener open;
};

constexpr std::array<Format, 3> all_formats{
    {{"coco", open_coco}, {"label-studio", open_label_studio}, {"cvat", open_cvat}}};

const Format& format_named(const std::string& name) {
    const auto* found =
        std::find_if(all_formats.begin(), all_formats.end(), [&](auto& one) { return one.name == name; });
    if (found == all_formats.end()) {
        throw UserError("There is no format '" + name + "'; the formats are coco, label-studio, cvat.");
    }
    return *found;
}

/// The formats that are asked for, each once.
std::vector<Format> chosen_formats(const std::vector<std::string>& names) {
    std::vector<Format> formats;
    for (const std::string& name : names) {
        const Format& format = format_named(name);
        if (std::none_of(formats.begin(), formats.end(), [&](auto& one) { return one.name == format.name; })) {
            formats.push_back(format);
        }
    }
    return formats;
}

void list_failures(const fs::path& path, const std::vector<Failed>& failed) {
    if (!failed.empty()) {
        write_failures(path, failed);
        return;
    }
    std::error_code error;
    fs::remove(path, error);
    if (error) {
        throw FileError(error.value(), path);
    }
}

Converted write_formats(const fs::path& labels, const ClassTable& classes, const std::vector<OpenFormat>& formats,
                        const Rows& rows, const std::function<void(std::size_t)>& progress) {
    Filler filler(formats, labels / "masks", classes, progress);
    rows([&](const Labelled& row) { filler.add(row); });
    Converted converted;
    converted.failed = filler.finish();
    std::for_each(formats.rbegin(), formats.rend(), [](const OpenFormat& format) { format.sink->finish(); });
    list_failures(labels / "convert-failures.csv", converted.failed);
    for (const OpenFormat& format : formats) {
        for (const fs::path& file : format.sink->files()) {
            converted.files.push_back(file);
        }
    }
    return converted;
}

}  // namespace

Converted convert(const fs::path& labels, const ClassTable& classes, const std::vector<std::string>& formats,
                  const std::string& image_prefix, const Rows& rows, std::size_t total,
                  const std::function<void(std::size_t)>& progress) {
    const std::vector<Format> chosen = chosen_formats(formats);
    std::error_code unknown;
    const bool masked = fs::is_directory(labels / "masks", unknown);
    const Rows guarded = [&](const std::function<void(const Labelled&)>& take) {
        rows([&](const Labelled& row) {
            if (!masked) {
                throw UserError(labels.string() + " has no folder masks, but its manifest lists " +
                                std::to_string(total) + " images; label them again.");
            }
            take(row);
        });
    };
    try {
        std::vector<OpenFormat> open;
        open.reserve(chosen.size());
        for (const Format& format : chosen) {
            open.push_back({std::string(format.name), format.open(labels, classes, image_prefix)});
        }
        return write_formats(labels, classes, open, guarded, progress);
    } catch (const FileError& error) {
        throw UserError(labels.string() + " cannot be written to: " + error.reason() + ".");
    }
}

void check_formats(const std::vector<std::string>& formats, const ClassTable& classes,
                   const std::string& /*image_prefix*/) {
    for (const Format& format : chosen_formats(formats)) {
        if (format.name == "cvat") {
            static_cast<void>(label_map(classes));
        }
    }
}

}  // namespace swsss
