#include <doctest/doctest.h>

#include "base/files.hpp"
#include "labels/journal.hpp"
#include "labels/manifest.hpp"
#include "swsss/errors.hpp"
#include "temporary.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace {

Labelled row_of(const std::string& image) {
    Labelled row;
    row.image = image;
    row.mask = image + ".png";
    row.width = 3;
    row.height = 2;
    row.tags = std::vector<int>{1, 3};
    row.pixels = {{0, 2}, {3, 3}, {255, 1}};
    row.confidence = {{0, 0.1 + 0.2}, {3, 1.0 / 3}};
    row.mean_confidence = 2.0 / 3;
    row.seconds = 0.25;
    return row;
}

const Journal::Wanted everything = [](const std::string&) { return true; };

}  // namespace

TEST_CASE("what was noted and saved is read back, exactly") {
    const TemporaryFolder folder;
    {
        Journal journal(folder.path() / "journal.sqlite");
        CHECK_FALSE(journal.interrupted());
        journal.add_labelled(row_of("b\"\n\xff.jpg"), "recipe", "key", true);
        journal.add_labelled(row_of("a.jpg"), "recipe", "key", false);
        journal.add_labelled(row_of("c.jpg"), "other", "key", false);
        journal.add_failed({"d.jpg", "decode", "it is empty"});
        journal.save();
        journal.add_failed({"lost.jpg", "decode", "not saved"});
    }
    Journal journal(folder.path() / "journal.sqlite");
    CHECK(journal.interrupted());
    std::vector<Labelled> rows;
    journal.labelled("recipe", everything, [&](const Labelled& row) { rows.push_back(row); });
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].image == "a.jpg");
    CHECK(rows[1].image == "b\"\n\xff.jpg");
    CHECK(rows[1].tags == std::vector<int>{1, 3});
    CHECK(rows[1].pixels == row_of("").pixels);
    CHECK(rows[1].confidence == row_of("").confidence);
    CHECK(rows[1].mean_confidence == 2.0 / 3);
    CHECK(rows[1].found() == std::vector<int>{3});
    CHECK(rows[1].not_found() == std::vector<int>{1});
    std::vector<std::string> failed;
    journal.failed(everything, [&](const Failed& row) { failed.push_back(row.image + row.stage + row.reason); });
    CHECK(failed == std::vector<std::string>{"d.jpgdecodeit is empty"});
    const auto done = journal.done("a.jpg");
    REQUIRE(done);
    CHECK(done->key == "key");
    CHECK_FALSE(done->confidence_map);
    journal.finish();
}

TEST_CASE("what is forgotten is gone at once, whoever's the mask was") {
    const TemporaryFolder folder;
    Journal journal(folder.path() / "journal.sqlite");
    journal.add_labelled(row_of("a.jpg"), "recipe", "key", false);
    journal.forget("other.jpg", "a.jpg.png");
    CHECK_FALSE(journal.done("a.jpg"));
}

TEST_CASE("a journal that is held is refused") {
    const TemporaryFolder folder;
    const Journal first(folder.path() / "journal.sqlite");
    CHECK_THROWS_AS(Journal(folder.path() / "journal.sqlite"), UserError);
}

TEST_CASE("what is no journal, or a newer one, is refused") {
    const TemporaryFolder folder;
    write_whole(folder.path() / "journal.sqlite", std::string(5000, 'x'));
    CHECK_THROWS_WITH_AS(Journal(folder.path() / "journal.sqlite"),
                         doctest::Contains("is damaged or of another program"), UserError);
    write_whole(folder.path() / "file", std::string_view("x"));
    CHECK_THROWS_WITH_AS(Journal(folder.path() / "file" / "journal.sqlite"), doctest::Contains("cannot be made"),
                         UserError);
}

TEST_CASE("CSV files are those of Python's csv module") {
    const TemporaryFolder folder;
    CsvFile file(folder.path() / "f.csv", failure_columns());
    file.add({"a,b.jpg", "decode", "say \"no\""});
    file.add({"c\r.jpg", "infer", "x"});
    file.add({"d", "", ""});
    file.finish();
    CHECK(read_file(folder.path() / "f.csv") ==
          "image,stage,reason\n\"a,b.jpg\",decode,\"say \"\"no\"\"\"\n\"c\r.jpg\",\"infer\",\"x\"\nd,,\n");
}
