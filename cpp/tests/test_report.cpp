#include <doctest/doctest.h>

#include <string>

#include "base/files.hpp"
#include "images/png.hpp"
#include "report/data_uri.hpp"
#include "report/overlay.hpp"
#include "report/report.hpp"
#include "report/resize.hpp"
#include "report/template.hpp"
#include "report/words.hpp"
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
Image noise(int height, int width) {
    Image image{height, width, {}};
    std::uint32_t state = 1;
    for (int index = 0; index < 3 * height * width; ++index) {
        state = state * 1664525 + 1013904223;
        image.pixels.push_back(static_cast<std::uint8_t>(state >> 24U));
    }
    return image;
}

}  // namespace

TEST_CASE("numbers in words") {
    CHECK(words::number(0) == "0");
    CHECK(words::number(999) == "999");
    CHECK(words::number(1234567) == "1\u202F234\u202F567");
    CHECK(words::number(-1234) == "-1\u202F234");
    CHECK(words::number(-123) == "-123");
    CHECK(words::percent(0.0004) == "<\u202F0.1");
    CHECK(words::percent(1) == "100.0");
    CHECK(words::rate(1234.5) == "1\u202F234");
    CHECK(words::rate(0.1234) == "0.123");
    CHECK(words::duration(83.1) == "1\u202Fmin 23\u202Fs");
    CHECK(words::many(1, "image") == "1 image");
    CHECK(words::in_words(1'250'000'000) == std::pair<std::string, std::string>("1.2", "billion"));
}

TEST_CASE("text that cannot be printed") {
    CHECK(words::plain("a\n\xC3\xA9\xE9\xE2\x80\xAE\U000E0001\xC2\x85") ==
          "a\\n\xC3\xA9\\udce9\\u202e\\U000e0001\\x85");
    CHECK(words::without_numbers("12 of 3\xD9\xA3 \xFF"
                                 "7") == "N of N \xFFN");
    const std::string long_text = std::string(120, 'a') + std::string(9, 'b') + std::string(120, 'c');
    CHECK(words::shortened(long_text) == std::string(120, 'a') + " … " + std::string(120, 'c'));
    CHECK(words::shortened(std::string(240, '\xFF')).size() == 240);
}

TEST_CASE("every template is in the program, and what does not fit is told") {
    for (const char* name : {"labels.html", "style.html", "class.html", "bar.html", "gallery.html"}) {
        CHECK_FALSE(embedded_template(name).empty());
    }
    CHECK(render("bar.html", {{"bar", {{"width", "1"}, {"told", "<&\"'>"}}}}) ==
          "<span class=\"bar\" style=\"--share:1%\">&lt;&amp;&#34;&#39;&gt;</span>");
    CHECK_THROWS(static_cast<void>(render("bar.html", {{"bar", {{"width", 1}}}})));
    CHECK_THROWS(static_cast<void>(render("bar.html", {{"other", "x"}})));
    CHECK_THROWS(static_cast<void>(render("none.html", {{"other", "x"}})));
}

TEST_CASE("the summary keeps the least sure, whatever their order, and few failures") {
    Summary summary{ClassTable({"background", "cat"})};
    for (int number = 0; number < 1000; ++number) {
        summary.add(row_of(std::to_string(number), (number * 7 % 1000) / 1000.0));
        summary.add(
            Failed{std::to_string(number), "decode", "reason " + std::string(static_cast<std::size_t>(number), 'x')});
    }
    const std::vector<Labelled> least = summary.least_sure();
    REQUIRE(least.size() == most_shown);
    for (std::size_t index = 0; index < least.size(); ++index) {
        CHECK(least[index].mean_confidence == static_cast<double>(index) / 1000);
    }
    CHECK(summary.missing().size() == most_shown);
    CHECK(summary.tags_missing() == 1000);
    CHECK(summary.failures().size() == most_failures);
    CHECK(summary.failed() == 1000);
    REQUIRE(summary.kinds().size() == 51);
    CHECK(summary.kinds().front().reason == "other reasons");
    CHECK(summary.kinds().front().count == 950);
    Labelled foreign = row_of("x", 0.5);
    foreign.tags = std::vector<int>{-1};
    CHECK_THROWS_AS(summary.add(foreign), std::out_of_range);
}

TEST_CASE("reduced by area") {
    const Image image{2, 4, {0, 0, 0, 10, 10, 10, 20, 20, 20, 30, 30, 30, 2, 2, 2, 12, 12, 12, 22, 22, 22, 32, 32, 32}};
    CHECK(resize_area(image, 1, 2).pixels == std::vector<std::uint8_t>{6, 6, 6, 26, 26, 26});
    CHECK(resize_area(image, 2, 4).pixels == image.pixels);
    CHECK(resize_area(image, 7, 9).pixels.front() == 0);
    CHECK(resize_nearest({2, 2, {1, 2, 3, 4}}, 3, 1).values == std::vector<std::uint8_t>{1, 1, 3});
}

TEST_CASE("an overlay has rims, grey below classes, and hatching") {
    Image image{5, 7, std::vector<std::uint8_t>(std::size_t{3} * 5 * 7, 100)};
    Plane mask{5, 7, std::vector<std::uint8_t>(35, 1)};
    mask.values[0] = 0;
    mask.values[34] = 255;
    const Image shown = overlay(image, mask);
    CHECK(shown.pixels[0] == 100);
    CHECK(shown.pixels[3] == palette()[1][0]);  // beside another class
    CHECK(shown.pixels[std::size_t{3} * (2 * 7 + 3)] == (100 * 45 + palette()[1][0] * 55 + 50) / 100);
    CHECK(shown.pixels[std::size_t{3} * 34] == 100);  // between the lines of the hatching
}

TEST_CASE("pictures hard to compress lose size") {
    CHECK(data_uri(noise(320, 320)).size() < 22'100);
    CHECK(data_uri(noise(1, 1)).starts_with("data:image/jpeg;base64,/9j/"));
}

TEST_CASE("the page is whole, escaped, and says what cannot be shown") {
    const TemporaryFolder folder;
    Summary summary{ClassTable({"background", "<script>"})};
    summary.add(row_of("\"><script>\xFF.jpg", 0.25));
    write_report(folder.path() / "deep" / "report.html", summary, folder.path(), folder.path(), {{"<b>", "&"}},
                 {1, 2.0, 3});
    const std::string page = read_file(folder.path() / "deep" / "report.html");
    CHECK(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
    CHECK(page.ends_with("</html>"));
    CHECK(page.find("<script") == std::string::npos);
    CHECK(page.find("The image is gone or can no longer be read.") != std::string::npos);
    CHECK(page.find("&lt;script&gt;\\udcff.jpg") != std::string::npos);
    CHECK(page.find("<dt>&lt;b&gt;</dt><dd>&amp;</dd>") != std::string::npos);
    std::filesystem::create_directories(folder.path() / "file" / "x");
    CHECK_THROWS_AS(write_report(folder.path() / "file", summary, folder.path(), folder.path(), {}, {}), FileError);
}
