#include "formats/label_studio.hpp"

#include <string_view>
#include <utility>

#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "formats/brush.hpp"
#include "formats/json.hpp"
#include "formats/runs.hpp"
#include "images/png.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;

/// As an attribute of XML.
std::string escaped(std::string_view text) {
    std::string result;
    for (const char character : text) {
        switch (character) {
            case '&':
                result += "&amp;";
                break;
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '"':
                result += "&quot;";
                break;
            case '\'':
                result += "&#x27;";
                break;
            default:
                result += character;
        }
    }
    return result;
}

std::string interface_for(const ClassTable& classes) {
    std::string text = "<View>\n  <Image name=\"image\" value=\"$image\" zoom=\"true\"/>\n";
    text += "  <BrushLabels name=\"tag\" toName=\"image\">\n";
    for (std::size_t id = 1; id < classes.names().size(); ++id) {
        const auto& colour = palette()[id];
        text += "    <Label value=\"" + escaped(classes.names()[id]) + "\" background=\"#";
        text += hex(std::string(colour.begin(), colour.end())) + "\"/>\n";
    }
    return text + "  </BrushLabels>\n</View>\n";
}

std::string percent_encoded(std::string_view text) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    static constexpr std::string_view safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/";
    std::string result;
    for (const char character : text) {
        if (safe.find(character) != std::string_view::npos) {
            result += character;
        } else {
            const auto value = static_cast<unsigned char>(character);
            result += {'%', digits[value >> 4U], digits[value & 15U]};
        }
    }
    return result;
}

/// What names a region wherever it is made again.
std::string id_of(const std::string& image, const std::string& name) {
    const std::string text = image + "\n" + name;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());  // NOLINT(*-reinterpret-cast)
    return sha256({bytes, text.size()}).substr(0, 10);
}

/// A task with one prediction an image, a brush region a class.
class LabelStudio : public Sink {
  public:
    LabelStudio(const fs::path& folder, ClassTable classes, std::string prefix)
        : tasks_path_(folder / "label-studio.json"),
          interface_path_(folder / "label-studio.xml"),
          file_(tasks_path_),
          tasks_([this](std::string_view text) { file_.write(text); }),
          classes_(std::move(classes)),
          prefix_(std::move(prefix)) {
        file_.write("[");
    }

    [[nodiscard]] std::vector<fs::path> files() const override { return {tasks_path_, interface_path_}; }

    /// Add an image; one without foreground gets a prediction without regions.
    void add(const Labelled& row, const Plane& mask) override {
        std::string task = R"({"data":{"image":)" + json_string(image_address(prefix_, row.image)) + "},";
        task += R"("predictions":[{"model_version":"swsss","score":)" + float_repr(row.mean_confidence);
        task += ",\"result\":[";
        for (const auto& [id, runs] : foreground_runs(mask.values)) {
            task += task.back() == '[' ? "" : ",";
            add_region(task, row, id, lengths_of(runs, mask.values.size()));
        }
        tasks_.add(task + "]}]}");
    }

    void finish() override {
        file_.write("]\n");
        write_whole(interface_path_, interface_for(classes_));
        file_.finish();
    }

  private:
    void add_region(std::string& to, const Labelled& row, int id, const std::vector<std::int64_t>& lengths) const {
        const std::string& name = classes_.names()[static_cast<std::size_t>(id)];
        to += R"({"id":")" + id_of(row.image, name);
        to += R"(","type":"brushlabels","from_name":"tag","to_name":"image","original_width":)";
        to += std::to_string(row.width) + ",\"original_height\":" + std::to_string(row.height);
        to += R"(,"image_rotation":0,"value":{"format":"rle","rle":)";
        char before = '[';
        for (const std::uint8_t byte : pack_brush(lengths)) {
            to += before;
            to += std::to_string(byte);
            before = ',';
        }
        to += "],\"brushlabels\":[" + json_string(name) + "]}";
        if (const auto found = row.confidence.find(id); found != row.confidence.end()) {
            to += ",\"score\":" + float_repr(found->second);
        }
        to += '}';
    }

    fs::path tasks_path_;
    fs::path interface_path_;
    WholeFile file_;
    JsonRows tasks_;
    ClassTable classes_;
    std::string prefix_;
};

}  // namespace

std::unique_ptr<Sink> open_label_studio(const fs::path& folder, const ClassTable& classes,
                                        const std::string& image_prefix) {
    return std::make_unique<LabelStudio>(folder, classes, image_prefix);
}

std::string image_address(const std::string& prefix, const std::string& image) {
    if (prefix.starts_with("http://") || prefix.starts_with("https://") || prefix.starts_with('/')) {
        return prefix + percent_encoded(image);
    }
    if (!is_utf8(image)) {
        throw UserError("the file's name is not UTF-8, which Label Studio cannot hold; rename the image.");
    }
    return prefix + image;
}

}  // namespace swsss
