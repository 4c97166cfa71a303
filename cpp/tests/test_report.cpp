#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/files.hpp"
#include "images/png.hpp"
#include "report/report.hpp"
#include "report/thumbnail.hpp"
#include "temporary.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace {

Labelled row_of(const std::string& image, double confidence) {
    Labelled row;
    row.image = image;
    row.mask = image + ".png";
    row.tags = std::vector<int>{1};
    row.pixels = {{0, 10}};
    row.confidence = {{0, confidence}};
    row.mean_confidence = confidence;
    return row;
}

/// Pixels that look like noise, the same ones every time.
std::vector<std::uint8_t> noise(std::size_t count) {
    std::vector<std::uint8_t> values;
    std::uint32_t state = 1;
    for (std::size_t index = 0; index < count; ++index) {
        state = state * 1664525 + 1013904223;
        values.push_back(static_cast<std::uint8_t>(state >> 24U));
    }
    return values;
}

}  // namespace

TEST_CASE("what is shown is bounded, and does not depend on the order") {
    const ClassTable classes({"background", "cat"});
    Summary forward(classes);
    Summary backward(classes);
    for (int index = 0; index < 100; ++index) {
        forward.add(row_of(std::to_string(index), (index % 50) / 50.0));
        backward.add(row_of(std::to_string(99 - index), ((99 - index) % 50) / 50.0));
    }
    const auto names = [](const std::vector<Labelled>& rows) {
        std::vector<std::string> all;
        for (const Labelled& row : rows) {
            all.push_back(row.image);
        }
        return all;
    };
    CHECK(forward.least_sure().size() == most_shown);
    CHECK(names(forward.least_sure()) == names(backward.least_sure()));
    CHECK(names(forward.missing()) == names(backward.missing()));
    CHECK(forward.tags_missing() == 100);
}

TEST_CASE("failures of a kind are counted together") {
    Summary summary(ClassTable({"background", "cat"}));
    summary.add(Failed{"a.jpg", "decode", "/in/a.jpg is cut short after 12 bytes."});
    summary.add(Failed{"b.jpg", "decode", "/in/b.jpg is cut short after 345 bytes."});
    REQUIRE(summary.kinds().size() == 1);
    CHECK(summary.kinds()[0].reason == "is cut short after N bytes.");
    CHECK(summary.kinds()[0].count == 2);
}

TEST_CASE("thumbnails are means, and never empty") {
    const Image image{
        2, 4, {0, 0, 0, 10, 10, 10, 20, 20, 20, 30, 30, 30, 10, 10, 10, 20, 20, 20, 30, 30, 30, 40, 40, 40}};
    const ThumbnailSize size(40'000, 30);
    CHECK(size.height == 320);
    CHECK(size.width == 16);
    ThumbnailSize half(1, 1);
    half.height = 1;
    half.width = 2;
    CHECK(reduced(image, half).pixels == std::vector<std::uint8_t>{10, 10, 10, 30, 30, 30});
    CHECK(reduced(Plane{1, 1, {7}}, ThumbnailSize(1, 1)).values == std::vector<std::uint8_t>(256, 7));
}

TEST_CASE("pictures and masks that are hard to compress lose quality, not the page its limit") {
    CHECK(data_uri({320, 320, noise(std::size_t{3} * 320 * 320)}).size() < 22'100);
    const Runs runs = runs_of({320, 320, noise(std::size_t{320} * 320)});
    CHECK(runs.values.size() <= 4000);
    CHECK(runs.height < 320);
    CHECK(runs_of({1, 4, {3, 3, 3, 0}}).values == std::vector<int>{3, 3, 0, 1});
}

TEST_CASE("the page holds its numbers as JSON, whatever the names") {
    const TemporaryFolder folder;
    const std::string name = "</script><!--\"\xff\n.png";
    Summary summary(ClassTable({"background", "</script>"}));
    Labelled row = row_of(name, 0.5);
    summary.add(row);
    row.image = "gone.png";
    summary.add(row);
    write_whole(folder.path() / name, encode_grey({4, 6, std::vector<std::uint8_t>(24, 9)}));
    write_whole(folder.path() / row.mask, encode_mask({4, 6, std::vector<std::uint8_t>(24, 1)}));
    write_report(folder.path() / "a.html", summary, folder.path(), folder.path(), {{"model", name}}, {2, 0.5, 0});
    const std::string page = read_file(folder.path() / "a.html");
    const std::string start = R"(<script type="application/json" id="report">)";
    const std::size_t begin = page.find(start) + start.size();
    const auto report = nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
    CHECK(report["images"] == 2);
    CHECK(report["classes"][1]["name"] == "</script>");
    CHECK(report["facts"][0][1].get<std::string>().starts_with("</script><!--\""));
    REQUIRE(report["least_sure"].size() == 2);
    CHECK(report["least_sure"][0]["mask"]["runs"] == nlohmann::json({1, 256}));
    CHECK(report["least_sure"][0]["picture"].get<std::string>().starts_with("data:image/jpeg;base64,"));
    CHECK(report["least_sure"][1].contains("problem"));
}
