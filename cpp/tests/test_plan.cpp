#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>

#include "base/files.hpp"
#include "base/text.hpp"
#include "labels/listing.hpp"
#include "labels/plan.hpp"
#include "swsss/errors.hpp"
#include "temporary.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace {

namespace fs = std::filesystem;

using Texts = std::vector<std::string>;

/// A folder of files that need not be pictures to be planned with.
class Photos {
  public:
    explicit Photos(const Texts& names) {
        fs::create_directories(images());
        for (const std::string& name : names) {
            write_whole(images() / name, "something");
        }
    }

    [[nodiscard]] const fs::path& root() const { return folder_.path(); }
    [[nodiscard]] fs::path images() const { return root() / "images"; }

    [[nodiscard]] Plan plan(const Selection& selection) const {
        return make_plan(images(), selection, ClassTable({"background", "cat", "dog"}), "recipe");
    }

    /// The names that a plan chooses.
    [[nodiscard]] Texts chosen(const Selection& selection) const {
        const Plan made = plan(selection);
        Texts names;
        for (const std::size_t image : made.chosen) {
            names.push_back(made.images[image]);
        }
        return names;
    }

    fs::path write(const std::string& name, const std::string& text) const {
        write_whole(root() / name, text);
        return root() / name;
    }

  private:
    TemporaryFolder folder_;
};

Selection everything() {
    Selection selection;
    selection.untagged = true;
    return selection;
}

std::string key_at(const Photos& photos, std::int64_t seconds, std::int64_t nanoseconds) {
    const timespec time{seconds, nanoseconds};
    const timespec both[2]{time, time};  // NOLINT(*-avoid-c-arrays): what utimensat takes
    REQUIRE(::utimensat(AT_FDCWD, (photos.images() / "a.jpg").c_str(), both, 0) == 0);
    return hex(photos.plan(everything()).item(0).key);
}

}  // namespace

TEST_CASE("list_images lists by suffix in any case, in the order of bytes") {
    const Photos photos({"B.JPEG", "a b.jpg", "a-b.TiF", "a/b.webp", "ä.bmp", "猫/🐈.png", "x.txt", "jpg", ".h.jpg",
                         ".h/a.jpg", "@eaDir/a.jpg", "._a.jpg", "a.jpg.txt", "a.t\u0130f"});
    fs::create_symlink("nowhere", photos.images() / "link.jpg");
    fs::create_directory_symlink(photos.images() / "a", photos.images() / "folder.jpg");
    fs::create_directory_symlink(photos.images() / "a", photos.images() / "folder");
    CHECK(list_images(photos.images()) ==
          Texts{"B.JPEG", "a b.jpg", "a-b.TiF", "a/b.webp", "link.jpg", "ä.bmp", "猫/🐈.png"});
}

TEST_CASE("list_images tells what cannot be read or named") {
    const Photos photos({"good.jpg", "b\xFCr/it's\n.jpg", "\xFF.jpg", "\xFF.txt"});
    const std::string folder = photos.images().string();
    CHECK_THROWS_WITH_AS(static_cast<void>(list_images(photos.images() / "none")),
                         ("The folder " + folder + "/none cannot be read: No such file or directory.").c_str(),
                         UserError);
    try {
        static_cast<void>(list_images(photos.images()));
        FAIL("nothing was told");
    } catch (const InputError& error) {
        CHECK(error.problems().size() == 2);
    }
}

TEST_CASE("make_plan chooses by tags, list and limit") {
    const Photos photos({"a.jpg", "b.png", "e.tif", "sub/c.jpg", "sub/d.JPG"});
    Selection selection;
    selection.labels = photos.write("tags.csv", "image,labels\na,dog;cat\nsub/c,\nb,background\n");
    const Plan plan = photos.plan(selection);
    CHECK(photos.chosen(selection) == Texts{"a.jpg", "b.png", "sub/c.jpg"});
    CHECK(plan.untagged == std::vector<std::size_t>{2, 4});
    CHECK(plan.item(0).tags == Tags{1, 2});
    CHECK(plan.item(1).tags == Tags{});
    CHECK_FALSE(plan.item(2).tags);
    CHECK(plan.item(3).mask == "sub/c.png");
    CHECK(plan.is_wanted("b.png"));
    CHECK_FALSE(plan.is_wanted("e.tif"));
    CHECK_FALSE(plan.is_wanted("none"));
    selection.only = photos.write("list.txt", "\xEF\xBB\xBFsub/d\rsub\\c.jpg\r\n\ne.tif\n a \n");
    CHECK(photos.chosen(selection) == Texts{"a.jpg", "sub/c.jpg"});
    selection.untagged = true;
    CHECK(photos.chosen(selection) == Texts{"a.jpg", "e.tif", "sub/c.jpg", "sub/d.JPG"});
    selection.limit = 2;
    CHECK(photos.chosen(selection) == Texts{"a.jpg", "e.tif"});
}

TEST_CASE("make_plan keeps the extension where a stem is shared") {
    const Photos photos({"a.jpg", "a.png", "a.v2.jpg"});
    const Plan plan = photos.plan(everything());
    CHECK(plan.item(0).mask == "a.jpg.png");
    CHECK(plan.item(1).mask == "a.png.png");
    CHECK(plan.item(2).mask == "a.v2.png");
    write_whole(photos.images() / "a.jpg.bmp", "");
    try {
        static_cast<void>(photos.plan(everything()));
        FAIL("nothing was told");
    } catch (const InputError& error) {
        CHECK(error.problems() == Texts{"'a.jpg' and another image would share the mask a.jpg.png; rename one."});
    }
}

TEST_CASE("Plan::item gives the key that Python gives") {
    const Photos photos({"a.jpg"});
    // hashlib.blake2b(b"recipe\n9 1500000000\nNone\na.png", digest_size=16).hexdigest(), and so on
    CHECK(key_at(photos, 1, 500'000'000) == "f0bba40168bf5f88429c060c5438859c");
    CHECK(key_at(photos, 0, 0) == "e5149f766c789d1ac1914cd0b2d39ec1");
    CHECK(key_at(photos, 0, 7) == "e69f984d24db0debfdf2ea4ef1f9f145");
    CHECK(key_at(photos, -1, 999'999'999) == "beb0e58da6fcd353d391a259946d7772");
    CHECK(key_at(photos, -2, 0) == "944c9befb8c08b0dde3a87b25eeec050");
    CHECK(key_at(photos, -2, 500'000'000) == "c57f2648238d795529769eb3fd546b76");
    const Plan plan = photos.plan(everything());
    fs::remove(photos.images() / "a.jpg");
    CHECK(hex(plan.item(0).key) == "deadcb1d48075a6e40bb6037dab49afd");
}

TEST_CASE("make_plan tells that there is nothing to label") {
    const Photos photos({"a.jpg"});
    const std::string root = photos.root().string();
    Selection selection;
    selection.labels = photos.write("tags.csv", "image,labels\n");
    CHECK_THROWS_WITH_AS(static_cast<void>(photos.plan(selection)),
                         ("None of the images in " + root + "/images has a row in " + root +
                          "/tags.csv; add rows, or label without tags with --untagged all.")
                             .c_str(),
                         UserError);
    selection = everything();
    selection.only = photos.write("list.txt", "\n");
    CHECK_THROWS_WITH_AS(static_cast<void>(photos.plan(selection)),
                         ("--only " + root + "/list.txt names no image that is to be labelled.").c_str(), UserError);
    selection.only = root + "/none";
    CHECK_THROWS_WITH_AS(static_cast<void>(photos.plan(selection)),
                         ("--only " + root + "/none cannot be read: No such file or directory.").c_str(), UserError);
    selection.only = photos.write("wrong.txt", std::string("a\n\nx\0\n", 6));
    CHECK_THROWS_WITH_AS(static_cast<void>(photos.plan(selection)),
                         ("1 problem in the inputs; nothing was started:\n  - " + root +
                          "/wrong.txt, line 3: the line holds a NUL byte; save the file as UTF-8.")
                             .c_str(),
                         InputError);
    fs::remove(photos.images() / "a.jpg");
    CHECK_THROWS_WITH_AS(static_cast<void>(photos.plan(everything())),
                         (root + "/images holds no image (jpg, png, webp, bmp, tif).").c_str(), UserError);
    fs::remove(photos.images());
    CHECK_THROWS_WITH_AS(static_cast<void>(photos.plan(everything())),
                         ("There is no folder " + root + "/images with images.").c_str(), UserError);
}
