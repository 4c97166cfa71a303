#include "report/report.hpp"

#include <cstdio>
#include <future>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/files.hpp"
#include "base/pool.hpp"
#include "images/png.hpp"
#include "report/thumbnail.hpp"
#include "swsss/errors.hpp"
#include "swsss/image.hpp"

namespace swsss {

/// `swsss/report/page.html`; made by CMake.
extern const std::string_view report_page;

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int threads = 4;
constexpr std::size_t longest_text = 240;  // bytes

/// Text with its middle left out where it is very long, so that a page of many stays small.
std::string shortened(const std::string& text) {
    if (text.size() <= longest_text) {
        return text;
    }
    const auto goes_on = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U; };
    std::size_t head = longest_text / 2;
    std::size_t tail = text.size() - longest_text / 2;
    while (head > 0 && goes_on(head)) {
        --head;
    }
    while (tail < text.size() && goes_on(tail)) {
        ++tail;
    }
    return text.substr(0, head) + " … " + text.substr(tail);
}

Plane upright(Plane stored, int orientation) {
    // Of the eight turns, these two alone are not undone by doing them twice.
    const int inverse = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
    return orient_back(std::move(stored), inverse);
}

/// Add the picture of an image and its mask to what is known of it, or why it cannot be shown.
void add_picture(Json& card, const fs::path& image, const fs::path& mask) {
    StoredImage stored;
    try {
        stored = read_image(image);
    } catch (const UserError&) {
        card["problem"] = "The image is gone or can no longer be read.";
        return;
    }
    Plane labels;
    try {
        const std::string data = read_file(mask);
        labels = decode_mask({reinterpret_cast<const std::uint8_t*>(data.data()), data.size()});  // NOLINT
    } catch (const std::exception&) {
        card["problem"] = "Its mask is gone or can no longer be read.";
        return;
    }
    if (stored.image.height != labels.height || stored.image.width != labels.width) {
        card["problem"] = "Image and mask differ in size: one of them was changed.";
        return;
    }
    const ThumbnailSize size(labels.height, labels.width);
    const Runs runs = runs_of(upright(reduced(labels, size), stored.orientation));
    card["picture"] = data_uri(orient(reduced(stored.image, size), stored.orientation));
    card["mask"] = {{"height", runs.height}, {"width", runs.width}, {"runs", runs.values}};
}

Json card_of(const Labelled& row, const fs::path& images, const fs::path& masks) {
    Json card{{"image", shortened(row.image)},
              {"confidence", row.mean_confidence},
              {"tagged", row.tags.has_value()},
              {"found", row.found()},
              {"not_found", row.not_found()}};
    add_picture(card, images / row.image, masks / row.mask);
    return card;
}

Json cards_of(const std::vector<Labelled>& rows, const fs::path& images, const fs::path& masks) {
    ThreadPool pool(threads);
    std::vector<std::future<Json>> due;
    due.reserve(rows.size());
    for (const Labelled& row : rows) {
        due.push_back(pool.submit([&] { return card_of(row, images, masks); }));
    }
    Json cards = Json::array();
    for (std::future<Json>& card : due) {
        cards.push_back(card.get());
    }
    return cards;
}

std::string colour_of(std::size_t id) {
    const auto& [red, green, blue] = palette().at(id);
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "#%02x%02x%02x", red, green, blue);  // NOLINT(*-vararg)
    return text.data();
}

Json classes_of(const Summary& summary) {
    Json classes = Json::array();
    for (std::size_t id = 0; id < summary.names().size(); ++id) {
        const ClassCount& count = summary.per_class()[id];
        const auto confidence = count.confidence();
        classes.push_back({{"name", summary.names()[id]},
                           {"colour", colour_of(id)},
                           {"tagged", count.tagged},
                           {"found", count.found},
                           {"missing", count.missing},
                           {"pixels", count.pixels},
                           {"confidence", confidence ? Json(*confidence) : Json()}});
    }
    return classes;
}

/// One object as text that can stand inside a script element.
std::string script_text(const Json& report) {
    std::string text;
    // What is not UTF-8 becomes U+FFFD: it is only shown.
    for (const char letter : report.dump(-1, ' ', true, Json::error_handler_t::replace)) {
        text += letter == '<' ? std::string("\\u003c") : std::string(1, letter);
    }
    return text;
}

}  // namespace

void write_report(const fs::path& path, const Summary& summary, const fs::path& images, const fs::path& masks,
                  const std::vector<std::pair<std::string, std::string>>& facts, const Speed& speed) {
    Json report{{"kind", "labels"},
                {"images", summary.images()},
                {"failed", summary.failed()},
                {"untagged", summary.untagged()},
                {"pixels", summary.pixels()},
                {"left_out", summary.left_out()},
                {"mean_confidence", summary.images() > 0 ? Json(summary.mean_confidence()) : Json()},
                {"classes", classes_of(summary)},
                {"histogram", summary.histogram()},
                {"kinds", Json::array()},
                {"failures", Json::array()},
                {"missing", cards_of(summary.missing(), images, masks)},
                {"least_sure", cards_of(summary.least_sure(), images, masks)},
                {"speed", {{"images", speed.images}, {"seconds", speed.seconds}, {"earlier", speed.earlier}}},
                {"facts", Json::array()}};
    for (const FailureKind& kind : summary.kinds()) {
        report["kinds"].push_back({{"stage", kind.stage}, {"reason", shortened(kind.reason)}, {"images", kind.count}});
    }
    for (const Failed& row : summary.failures()) {
        report["failures"].push_back(
            {{"image", shortened(row.image)}, {"stage", row.stage}, {"reason", shortened(row.reason)}});
    }
    for (const auto& [name, value] : facts) {
        report["facts"].push_back({name, value});
    }
    std::string page(report_page);
    static constexpr std::string_view place = "__REPORT__";
    write_whole(path, page.replace(page.find(place), place.size(), script_text(report)));
}

}  // namespace swsss
