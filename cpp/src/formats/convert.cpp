#include "formats/convert.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <future>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/files.hpp"
#include "base/pool.hpp"
#include "base/text.hpp"
#include "formats/coco.hpp"
#include "formats/cvat.hpp"
#include "formats/label_studio.hpp"
#include "formats/sink.hpp"
#include "images/read_mask.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;

/// What keeps one consumer busy with masks, and the memory small.
constexpr int threads = 2;
constexpr std::size_t depth = 8;

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

struct OpenFormat {
    std::string name;
    std::unique_ptr<Sink> sink;
};

struct Loaded {
    Labelled row;
    Plane mask;
    std::string problem;  ///< Why there is no mask; empty when there is.
};

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

Loaded load(const fs::path& masks, const Labelled& row, const ClassTable& classes) {
    try {
        return {row, checked_mask(masks / row.mask, row, classes), ""};
    } catch (const UserError& error) {
        // No machine's paths in the list of failures.
        return {row, {}, without(error.what(), (masks / "").string())};
    }
}

/// Adds masks to formats; they are decoded ahead, and added in the order they come.
class Filler {
  public:
    Filler(const std::vector<OpenFormat>& formats, fs::path masks, const ClassTable& classes,
           const std::function<void(std::size_t)>& progress)
        : formats_(formats), masks_(std::move(masks)), classes_(classes), progress_(progress), pool_(threads) {}

    void add(const Labelled& row) {
        if (waiting_.size() == depth) {
            take();
        }
        waiting_.push_back(pool_.submit([this, row = rounded(row, classes_)] { return load(masks_, row, classes_); }));
    }

    [[nodiscard]] std::vector<Failed> finish() {
        while (!waiting_.empty()) {
            take();
        }
        return std::move(failed_);
    }

  private:
    void take() {
        const Loaded loaded = waiting_.front().get();
        waiting_.pop_front();
        if (loaded.problem.empty()) {
            add_to_formats(loaded);
        } else {
            failed_.push_back({loaded.row.image, "mask", loaded.problem});
        }
        progress_(++done_);
    }

    void add_to_formats(const Loaded& loaded) {
        for (const OpenFormat& format : formats_) {
            try {
                format.sink->add(loaded.row, loaded.mask);
            } catch (const UserError& error) {
                failed_.push_back({loaded.row.image, format.name, error.what()});
            }
        }
    }

    const std::vector<OpenFormat>& formats_;
    fs::path masks_;
    const ClassTable& classes_;
    const std::function<void(std::size_t)>& progress_;
    std::vector<Failed> failed_;
    std::deque<std::future<Loaded>> waiting_;
    std::size_t done_ = 0;
    ThreadPool pool_;  // last: it uses the rest
};

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
    for (auto format = formats.rbegin(); format != formats.rend(); ++format) {
        format->sink->finish();
    }
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
