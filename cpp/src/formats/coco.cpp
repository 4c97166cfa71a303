#include "formats/coco.hpp"

#include <algorithm>
#include <array>

#include "base/files.hpp"
#include "base/text.hpp"
#include "formats/json.hpp"
#include "formats/runs.hpp"
#include "formats/spool.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;

std::string categories_of(const ClassTable& classes) {
    std::string text = "[";
    for (std::size_t id = 1; id < classes.names().size(); ++id) {
        text += id == 1 ? "" : ", ";
        text += R"({"id": )" + std::to_string(id) + R"(, "name": )" + json_string(classes.names()[id]) + "}";
    }
    return text + "]";
}

/// The smallest box around the runs of a mask read column by column: x, y, width, height.
std::array<std::int64_t, 4> box_of(const Runs& runs, std::int64_t height) {
    const std::int64_t left = runs.front().start / height;
    const std::int64_t right = (runs.back().end - 1) / height;
    std::int64_t top = height;
    std::int64_t bottom = 0;
    for (const Run& run : runs) {
        const std::int64_t last = run.end - 1;
        // On into the next column: from the lowest row to the highest.
        const bool further = last / height > run.start / height;
        top = std::min(top, further ? 0 : run.start % height);
        bottom = std::max(bottom, further ? height - 1 : last % height);
    }
    return {left, top, right - left + 1, bottom - top + 1};
}

/// Images to one file, their annotations to another: COCO wants all images before all annotations.
class Coco : public Sink {
  public:
    Coco(const fs::path& folder, const ClassTable& classes)
        : path_(folder / "coco.json"),
          file_(path_),
          waiting_(folder),
          images_([this](std::string_view text) { file_.write(text); }),
          annotations_([this](std::string_view text) { waiting_.write(text); }) {
        file_.write(R"({"info":{"description":"Masks by swsss-label"},"licenses":[],"categories":)");
        file_.write(categories_of(classes) + ",\n\"images\":[");
    }

    [[nodiscard]] std::vector<fs::path> files() const override { return {path_}; }

    /// Add an image and an annotation for each foreground class in it.
    void add(const Labelled& row, const Plane& mask) override {
        const std::size_t image = images_.count() + 1;
        images_.add("{\"id\":" + std::to_string(image) + ",\"file_name\":" + json_string(row.image) +
                    ",\"width\":" + std::to_string(row.width) + ",\"height\":" + std::to_string(row.height) + "}");
        for (const auto& [id, runs] : foreground_runs(columns_of(mask))) {
            annotations_.add(annotation(row, image, id, runs));
        }
    }

    void finish() override {
        file_.write("],\n\"annotations\":[");
        waiting_.read_back([this](std::string_view block) { file_.write(block); });
        file_.write("]}\n");
        file_.finish();
    }

  private:
    [[nodiscard]] std::string annotation(const Labelled& row, std::size_t image, int id, const Runs& runs) const {
        std::int64_t area = 0;
        for (const Run& run : runs) {
            area += run.end - run.start;
        }
        const std::size_t size = static_cast<std::size_t>(row.width) * static_cast<std::size_t>(row.height);
        const std::string counts = compress_counts(lengths_of(runs, size));
        std::string text = "{\"id\":" + std::to_string(annotations_.count() + 1);
        text += ",\"image_id\":" + std::to_string(image) + ",\"category_id\":" + std::to_string(id);
        text += R"(,"segmentation":{"size":[)" + std::to_string(row.height) + "," + std::to_string(row.width);
        text += R"(],"counts":)" + json_string(counts) + "},\"area\":" + std::to_string(area) + ",\"bbox\":";
        char before = '[';
        for (const std::int64_t number : box_of(runs, row.height)) {
            text += before + std::to_string(number);
            before = ',';
        }
        text += R"(],"iscrowd":0)";
        // A class somebody painted into the mask afterwards has no confidence.
        if (const auto found = row.confidence.find(id); found != row.confidence.end()) {
            text += ",\"score\":" + float_repr(found->second);
        }
        return text + "}";
    }

    fs::path path_;
    WholeFile file_;
    Spool waiting_;
    JsonRows images_;
    JsonRows annotations_;
};

}  // namespace

std::unique_ptr<Sink> open_coco(const fs::path& folder, const ClassTable& classes, const std::string& /*prefix*/) {
    return std::make_unique<Coco>(folder, classes);
}

std::string compress_counts(const std::vector<std::int64_t>& lengths) {
    std::string text;
    for (std::size_t index = 0; index < lengths.size(); ++index) {
        std::int64_t number = lengths[index] - (index > 2 ? lengths[index - 2] : 0);
        bool more = true;
        while (more) {
            const std::int64_t digit = number & 31;
            number >>= 5;
            // A digit follows as long as the bits from the sign of this one on are not all the same.
            more = number != ((digit & 16) != 0 ? -1 : 0);
            text += static_cast<char>(digit + (more ? 32 : 0) + 48);
        }
    }
    return text;
}

}  // namespace swsss
