#include "formats/cvat.hpp"

#include <algorithm>

#include "base/files.hpp"
#include "base/text.hpp"
#include "formats/archive.hpp"
#include "images/png.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;

/// A path without extension; dots that a file name begins with begin none (Python's `posixpath.splitext`).
std::string stem_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
    const std::size_t begin = path.find_first_not_of('.', name);
    const std::size_t dot = path.rfind('.');
    return dot != std::string::npos && begin != std::string::npos && begin < dot ? path.substr(0, dot) : path;
}

/// What CVAT calls an image: its path without extension, on a line of a list.
std::string frame_of(const Labelled& row) {
    std::string name = stem_of(row.image);
    if (row.mask != name + ".png") {
        throw UserError("another image differs only in the extension, and CVAT cannot tell them apart; rename one.");
    }
    if (name != strip(name) || name.starts_with('#') || name.find_first_of("\n\r") != std::string::npos) {
        throw UserError(
            "CVAT's list of images cannot hold its name (line break, outer space or leading #); rename it.");
    }
    if (!is_utf8(name)) {
        throw UserError("the file's name is not UTF-8, which CVAT cannot hold; rename the image.");
    }
    return name;
}

/// Two masks an image, one of classes and one of instances.
///
/// CVAT annotates an instance for each colour of the second but black, and there are as many as there are classes: the
/// two are the same file. Ignored pixels are black like background, for CVAT knows only pixels with a label and
/// without, and refuses an archive that annotates a label its task lacks.
class Cvat : public Sink {
  public:
    Cvat(const fs::path& folder, const std::string& labels)
        : path_(folder / "cvat.zip"),
          file_(path_),
          archive_([this](std::string_view data) { file_.write(data); }, folder),
          names_(folder) {
        archive_.add("labelmap.txt", labels);
    }

    [[nodiscard]] std::vector<fs::path> files() const override { return {path_}; }

    void add(const Labelled& row, const Plane& mask) override {
        const std::string name = frame_of(row);
        Plane labelled = mask;
        std::replace(labelled.values.begin(), labelled.values.end(), std::uint8_t{ignore_id}, std::uint8_t{0});
        const std::vector<std::uint8_t> png = encode_mask(labelled);
        const std::string_view data(reinterpret_cast<const char*>(png.data()), png.size());  // NOLINT(*-cast)
        archive_.add("SegmentationClass/" + name + ".png", data);
        archive_.add("SegmentationObject/" + name + ".png", data);
        names_.write(name + "\n");
    }

    void finish() override {
        archive_.add("ImageSets/Segmentation/default.txt", names_);
        archive_.close();
        file_.finish();
    }

  private:
    fs::path path_;
    WholeFile file_;
    Archive archive_;
    Spool names_;
};

}  // namespace

std::unique_ptr<Sink> open_cvat(const fs::path& folder, const ClassTable& classes, const std::string& /*prefix*/) {
    return std::make_unique<Cvat>(folder, label_map(classes));
}

std::string label_map(const ClassTable& classes) {
    std::vector<std::string> refused;
    std::string text = "# label:color_rgb:parts:actions\n";
    std::size_t id = 0;
    for (const std::string& name : classes.names()) {
        if (name.find(':') != std::string::npos || name.starts_with('#')) {
            refused.push_back("'" + name + "'");
        }
        const auto& [red, green, blue] = palette()[id++];
        text += name + ":" + std::to_string(red) + "," + std::to_string(green) + "," + std::to_string(blue) + "::\n";
    }
    if (!refused.empty()) {
        throw UserError("CVAT's labelmap.txt cannot hold the class names " + join(refused, ", ") +
                        " (a : or a # in front); use another format.");
    }
    return text;
}

}  // namespace swsss
