#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "base/files.hpp"
#include "formats/convert.hpp"
#include "images/png.hpp"
#include "images/read_mask.hpp"
#include "swsss/errors.hpp"
#include "temporary.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace fs = std::filesystem;

namespace {

const std::vector<std::string> everything{"coco", "label-studio", "cvat"};
const auto nothing = [](std::size_t) {};

/// A labels folder of masks of 3×2 pixels, and its rows.
struct Folder {
    explicit Folder(int count) {
        for (int number = 0; number < count; ++number) {
            Labelled row;
            row.image = "deep/" + std::to_string(number) + ".jpg";
            row.mask = "deep/" + std::to_string(number) + ".png";
            row.width = 3;
            row.height = 2;
            row.confidence = {{0, 0.5}, {1, 2.0 / 3}};
            write_whole(masks / row.mask, encode_mask({2, 3, {0, 1, 1, 0, 255, 1}}));
            rows.push_back(row);
        }
    }

    [[nodiscard]] Converted convert(const std::vector<std::string>& formats,
                                    const std::function<void(std::size_t)>& progress = nothing) const {
        const Rows all = [this](const auto& take) { std::for_each(rows.begin(), rows.end(), take); };
        return swsss::convert(labels, classes, formats, "", all, rows.size(), progress);
    }

    [[nodiscard]] std::set<std::string> left() const {
        std::set<std::string> names;
        for (const auto& entry : fs::directory_iterator(labels)) {
            names.insert(entry.path().filename().string());
        }
        return names;
    }

    TemporaryFolder temporary;
    fs::path labels = temporary.path() / "labels";
    fs::path masks = labels / "masks";
    ClassTable classes{{"background", "cat"}};
    std::vector<Labelled> rows;
};

}  // namespace

TEST_CASE("formats that cannot hold a class, or that there are not") {
    const ClassTable classes({"background", "a:b", "#c", "d#"});
    CHECK_NOTHROW(check_formats({"coco", "label-studio"}, classes, ""));
    CHECK_THROWS_WITH_AS(check_formats({"coco", "cvat"}, classes, ""),
                         "CVAT's labelmap.txt cannot hold the class names 'a:b', '#c' (a : or a # in front); use "
                         "another format.",
                         UserError);
    CHECK_THROWS_WITH_AS(check_formats({"yolo"}, classes, ""),
                         "There is no format 'yolo'; the formats are coco, label-studio, cvat.", UserError);
}

TEST_CASE("all formats in one pass, in the order they were asked for") {
    const Folder folder(20);
    std::vector<std::size_t> told;
    const Converted converted =
        folder.convert({"cvat", "coco", "cvat", "label-studio"}, [&](std::size_t done) { told.push_back(done); });
    CHECK(converted.failed.empty());
    const std::vector<fs::path> files{folder.labels / "cvat.zip", folder.labels / "coco.json",
                                      folder.labels / "label-studio.json", folder.labels / "label-studio.xml"};
    CHECK(converted.files == files);
    CHECK(folder.left() ==
          std::set<std::string>{"masks", "cvat.zip", "coco.json", "label-studio.json", "label-studio.xml"});
    REQUIRE(told.size() == 20);
    CHECK(told.front() == 1);
    CHECK(std::is_sorted(told.begin(), told.end()));
    const std::string coco = read_file(folder.labels / "coco.json");
    CHECK(coco.find(R"({"id":20,"file_name":"deep/19.jpg","width":3,"height":2}],)") != std::string::npos);
    CHECK(coco.find(R"("bbox":[1,0,2,2],"iscrowd":0,"score":0.6667})") != std::string::npos);
}

TEST_CASE("bad masks are left out and listed; the list goes with the last of them") {
    const Folder folder(4);
    fs::remove(folder.masks / "deep/0.png");
    write_whole(folder.masks / "deep/1.png", "text");
    write_whole(folder.masks / "deep/2.png", encode_mask({2, 3, {0, 1, 2, 3, 4, 5}}));
    write_whole(folder.masks / "deep/3.png", encode_mask({3, 2, {0, 1, 0, 1, 0, 1}}));
    const Converted converted = folder.convert(everything);
    REQUIRE(converted.failed.size() == 4);
    CHECK(converted.failed[0].stage == "mask");
    CHECK(converted.failed[0].reason == "deep/0.png cannot be read as a mask: No such file or directory.");
    CHECK(converted.failed[1].reason == "deep/1.png cannot be read as a mask: it is no PNG.");
    CHECK(converted.failed[2].reason == "deep/2.png holds the class id 2, but classes.txt ends with 1.");
    CHECK(converted.failed[3].reason == "deep/3.png has 2×3 pixels, but its image has 3×2.");
    CHECK(folder.left().contains("convert-failures.csv"));
    for (const Labelled& row : folder.rows) {
        write_whole(folder.masks / row.mask, encode_mask({2, 3, {0, 1, 1, 0, 255, 1}}));
    }
    CHECK(folder.convert(everything).failed.empty());
    CHECK(!folder.left().contains("convert-failures.csv"));
}

TEST_CASE("whatever stops a conversion leaves every file as it was") {
    const Folder folder(30);
    static_cast<void>(folder.convert(everything));
    const auto names = folder.left();
    for (const char* name : {"cvat.zip", "coco.json", "label-studio.json", "label-studio.xml"}) {
        write_whole(folder.labels / name, "old");
    }
    CHECK_THROWS_AS(static_cast<void>(folder.convert(everything,
                                                     [](std::size_t done) {
                                                         if (done == 10) {
                                                             throw Interrupted("stop");
                                                         }
                                                     })),
                    Interrupted);
    CHECK(folder.left() == names);
    CHECK(read_file(folder.labels / "cvat.zip") == "old");
    CHECK(read_file(folder.labels / "coco.json") == "old");
}

TEST_CASE("a folder that cannot be written to, or without masks") {
    const Folder folder(1);
    fs::create_directory(folder.labels / "coco.json");
    CHECK_THROWS_WITH_AS(static_cast<void>(folder.convert({"coco"})),
                         (folder.labels.string() + " cannot be written to: Is a directory.").c_str(), UserError);
    CHECK(folder.left() == std::set<std::string>{"masks", "coco.json"});
    fs::remove_all(folder.masks);
    CHECK_THROWS_WITH_AS(
        static_cast<void>(folder.convert({"cvat"})),
        (folder.labels.string() + " has no folder masks, but its manifest lists 1 images; label them again.").c_str(),
        UserError);
    CHECK(Folder(0).convert(everything).failed.empty());
}

TEST_CASE("masks are read back as they were written") {
    const TemporaryFolder folder;
    for (const auto& [height, width] : {std::pair{1, 1}, {1, 9}, {9, 1}, {70, 131}}) {
        Plane mask{height, width, {}};
        for (int value = 0; value < height * width; ++value) {
            mask.values.push_back(static_cast<std::uint8_t>(value * 31));
        }
        for (const auto& data : {encode_mask(mask), encode_grey(mask)}) {
            write_whole(folder.path() / "mask.png", data);
            const Plane read = read_mask(folder.path() / "mask.png");
            CHECK(read.height == height);
            CHECK(read.width == width);
            CHECK(read.values == mask.values);
        }
    }
    CHECK_THROWS_AS(static_cast<void>(read_mask(folder.path())), UserError);
}
