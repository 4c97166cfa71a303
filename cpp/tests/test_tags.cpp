#include <doctest/doctest.h>

#include <map>

#include "base/files.hpp"
#include "swsss/errors.hpp"
#include "tags/csv.hpp"
#include "tags/image_names.hpp"
#include "tags/row_problems.hpp"
#include "tags/tags.hpp"
#include "temporary.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace {

using Texts = std::vector<std::string>;

const Texts images{"a.jpg", "b.png", "e.jpg", "e.png", "sub/c.jpg", "sub/d.v2.jpg"};

ClassTable classes() { return ClassTable({"background", "cat", "dog", "traffic light"}); }

std::map<std::string, Tags> read(const std::string& text) {
    const TemporaryFolder folder;
    write_whole(folder.path() / "tags.csv", text);
    const TagTable table = read_tags(folder.path() / "tags.csv", classes(), images);
    std::map<std::string, Tags> found;
    for (std::size_t image = 0; image < images.size(); ++image) {
        if (const Tags* tags = table.find(image)) {
            found[images[image]] = *tags;
        }
    }
    return found;
}

/// The lines on which something is wrong with a text, as they are told.
Texts wrong_lines(const std::string& text) {
    try {
        static_cast<void>(read(text));
    } catch (const InputError& error) {
        Texts found;
        for (const std::string& problem : error.problems()) {
            const std::size_t start = problem.find("line ");
            found.push_back(problem.substr(start, problem.find(':', start) - start));
        }
        return found;
    }
    return {};
}

}  // namespace

TEST_CASE("CsvReader splits as Python's csv module does") {
    CsvReader reader("\n,\r\na,\"b,\"\"c\"\"\",\ra\"b,c\"\na,\"\r\nb\"\n\"a\"b\nc", ',');
    CHECK(reader.next() == Texts{});
    CHECK(reader.next() == Texts{"", ""});
    CHECK(reader.next() == Texts{"a", "b,\"c\"", ""});
    CHECK(reader.next() == Texts{"a\"b", "c\""});
    CHECK(reader.line() == 4);
    CHECK(reader.next() == Texts{"a", "\r\nb"});
    CHECK_THROWS_AS(static_cast<void>(reader.next()), CsvError);
    CHECK(reader.line() == 7);
    CHECK(reader.next() == Texts{"c"});
    CHECK(reader.line() == 8);
    CHECK_FALSE(reader.next());
}

TEST_CASE("ImageNames finds what is meant") {
    ImageNames names(images);
    CHECK(names.find("a.jpg") == 0);
    CHECK(names.find("b") == 1);
    CHECK(names.find(" ./sub\\\\x/../c ") == 4);
    CHECK(names.find("sub/d.v2") == 5);
    CHECK(names.find("e.png") == 3);
    for (const char* wrong : {"e", "", "A.jpg", "C.png", "x/../..", "c:x", "/a.jpg", "."}) {
        CHECK_FALSE(names.find(wrong));
        CHECK_FALSE(names.why_not(wrong).empty());
    }
}

TEST_CASE("ImageNames finds any order of many") {
    Texts many;
    for (int number = 0; number < 5000; ++number) {
        many.push_back("folder/" + std::to_string(number) + ".x.png");
    }
    ImageNames names(many);
    for (std::size_t step = 0; step < many.size(); ++step) {
        const std::size_t index = step * 2003 % many.size();
        CHECK(names.find(many[index]) == index);
        CHECK(names.find(many[index].substr(0, many[index].size() - 4)) == index);
    }
}

TEST_CASE("read_tags reads both shapes") {
    const std::map<std::string, Tags> expected{{"a.jpg", {1, 2}}, {"b.png", {}}};
    CHECK(read("image,labels\na.jpg,dog;cat\nb.png,\n") == expected);
    CHECK(read("\xEF\xBB\xBFImage;Labels\r\na;\"cat;dog\"\r\n;\r\nb;background") == expected);
    CHECK(read("image,background,dog,traffic light,cat\ra,1,1,0,1\r,,,,\rb,0, 0 ,0,0") == expected);
    CHECK(read("image,labels\n\"a.jpg\",\"cat\ndog\"\nb.png,\"\n\"") == expected);
    CHECK(read("image,labels\na,traffic light\n").at("a.jpg") == Tags{3});
}

TEST_CASE("read_tags tells all that is wrong, in the order of lines") {
    CHECK(wrong_lines("image,labels\na,catt\nb,\"cat\"x\nsub/c,dog\nsub/c,cat\nb,\"\n") ==
          Texts{"line 2", "line 3", "line 5", "line 6"});
    CHECK(wrong_lines("image,labels\na,x\nb,x\ne.png,x\n") == Texts{"line 2 (and 2 more lines)"});
    CHECK(wrong_lines("image,labels\na,cat,dog\nnone,cat\n") == Texts{"line 2", "line 3"});
    CHECK(wrong_lines("no header\n") == Texts{"line 1"});
    CHECK_THROWS_AS(static_cast<void>(read("image,labels\nb,d\xF6g\n")), UserError);
    CHECK_THROWS_AS(static_cast<void>(read_tags("/none/tags.csv", classes(), images)), UserError);
    CHECK_THROWS_AS(static_cast<void>(read_tags("/", classes(), images)), UserError);
}

TEST_CASE("RowProblems is bounded") {
    RowProblems found("list");
    for (std::size_t line = 1; line <= 1007; ++line) {
        found.add(line, "wrong " + std::to_string(line));
    }
    found.add(2000, "wrong 1");
    try {
        found.raise_any();
    } catch (const InputError& error) {
        CHECK(error.problems().size() == 1001);
        CHECK(error.problems().front() == "list, line 1 (and 1 more line): wrong 1");
    }
}

TEST_CASE("ClassTable refuses what is no table") {
    CHECK_THROWS_AS(ClassTable({"background"}), UserError);
    CHECK_THROWS_AS(ClassTable({"background", "cat", "cat"}), UserError);
    CHECK(classes().find("dog") == 2);
    CHECK(classes().find("Dog") == -1);
}
