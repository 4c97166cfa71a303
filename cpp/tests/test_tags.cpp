#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>

#include "base/files.hpp"
#include "swsss/errors.hpp"
#include "tags/csv.hpp"
#include "tags/image_names.hpp"
#include "tags/lines.hpp"
#include "tags/row_problems.hpp"
#include "tags/similarity.hpp"
#include "tags/tags.hpp"
#include "temporary.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace {

using Texts = std::vector<std::string>;

const Texts images{"a.jpg", "b.png", "e.jpg", "e.png", "sub/c.jpg", "sub/d.v2.jpg"};

ClassTable classes() { return ClassTable({"background", "cat", "dog", "traffic light"}); }

/// Gives a text away so many bytes at a time.
Lines::Source pieces(std::string text, std::size_t most) {
    return [text = std::move(text), most, at = std::size_t{0}](std::span<char> buffer) mutable {
        const std::size_t count = std::min({most, buffer.size(), text.size() - at});
        std::memcpy(buffer.data(), text.data() + at, count);
        at += count;
        return count;
    };
}

Texts lines_of(const std::string& text, std::size_t block) {
    Lines lines(pieces(text, block), block);
    Texts found;
    for (std::string_view line = lines.next(); !line.empty(); line = lines.next()) {
        found.emplace_back(line);
    }
    return found;
}

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

/// What is wrong with a text, the path of the file taken out.
Texts problems(const std::string& text) {
    try {
        static_cast<void>(read(text));
    } catch (const InputError& error) {
        Texts found;
        for (const std::string& problem : error.problems()) {
            found.push_back(problem.substr(problem.find("tags.csv") + std::strlen("tags.csv, ")));
        }
        return found;
    }
    return {};
}

}  // namespace

TEST_CASE("Lines end with LF, CR or CRLF, wherever the text is cut") {
    for (std::size_t block = 1; block < 9; ++block) {
        CAPTURE(block);
        CHECK(lines_of("", block).empty());
        CHECK(lines_of("\xEF\xBB\xBF", block).empty());
        CHECK(lines_of("\n", block) == Texts{"\n"});
        CHECK(lines_of("\r", block) == Texts{"\r"});
        CHECK(lines_of("a\nb\rc\r\nd", block) == Texts{"a\n", "b\r", "c\r\n", "d"});
        CHECK(lines_of("\xEF\xBB\xBF\r\r\n\n\r", block) == Texts{"\r", "\r\n", "\n", "\r"});
        CHECK(lines_of("\xEF\xBB\xBF\xEF\xBB\xBFü猫\n🐈\r\n", block) == Texts{"\xEF\xBB\xBFü猫\n", "🐈\r\n"});
    }
}

TEST_CASE("Lines tells the line of what is not UTF-8") {
    for (const std::string wrong : {"\xFF", "\xC3", "\xED\xA0\x80", "\xF0\x9F\x90", "\xC0\x80", "\x80"}) {
        for (std::size_t block = 1; block < 9; ++block) {
            CAPTURE(block);
            for (const std::string end : {"", "\n", "x\n"}) {
                Lines lines(pieces("\xEF\xBB\xBFü\r\n\r猫\n" + wrong + end, block), block);
                std::size_t line = 0;
                try {
                    lines.skip_rest();
                } catch (const NotUtf8& error) {
                    line = error.line();
                }
                CHECK(line == 3);
            }
        }
    }
}

TEST_CASE("CsvReader splits as Python's csv module does") {
    Lines lines(pieces("b\"\n\"c\nd\",e\nf", 4), 4);
    CsvReader reader(lines, ',');
    CHECK(reader.read("\n").empty());
    CHECK(reader.read(",\r\n") == Texts{"", ""});
    CHECK(reader.read("a,\"b,\"\"c\"\"\",\n") == Texts{"a", "b,\"c\"", ""});
    CHECK(reader.read("a\"b,c\"\n") == Texts{"a\"b", "c\""});
    CHECK(reader.more() == 0);
    CHECK(reader.read("a,\"\r\n") == Texts{"a", "\r\nb"});
    CHECK(reader.more() == 1);
    CHECK_THROWS_WITH_AS(static_cast<void>(reader.read("\"a\"b\n")), "',' expected after '\"'", CsvError);
    CHECK(reader.read(lines.next()) == Texts{"c\nd", "e"});
    CHECK_THROWS_WITH_AS(static_cast<void>(reader.read("\"")), "unexpected end of data", CsvError);
    CHECK(reader.more() == 1);
}

TEST_CASE("CsvReader counts the characters of a field") {
    Lines lines(pieces("", 1));
    CsvReader reader(lines, ';');
    std::string text;
    for (int count = 0; count < 131'072; ++count) {
        text += "ü";
    }
    CHECK(reader.read("a;" + text).back() == text);
    CHECK_THROWS_WITH_AS(static_cast<void>(reader.read("a;" + text + "x")), "field larger than field limit (131072)",
                         CsvError);
}

TEST_CASE("closest is difflib's") {
    CHECK(closest("dgo", {"cat", "dog"}) == "dog");
    CHECK_FALSE(closest("zebra", {"cat", "dog"}));
    CHECK_FALSE(closest("", {"cat"}));
    CHECK(closest("abcx", {"abcd", "abce"}) == "abce");  // of equals, the last
    CHECK(closest("bär", {"bar", "bären"}) == "bären");
    // From 200 characters on, those that are everywhere begin no run; they only lengthen one, the empty one included.
    CHECK(closest(std::string(199, 'a'), {"b" + std::string(190, 'a')}));
    CHECK_FALSE(closest(std::string(200, 'a'), {"b" + std::string(190, 'a')}));
    CHECK(closest(std::string(200, 'a'), {std::string(190, 'a') + "b"}));
}

TEST_CASE("ImageNames finds what is meant") {
    ImageNames names(images);
    CHECK(names.find("a.jpg") == 0);
    CHECK(names.find("b") == 1);
    CHECK(names.find(" ./sub\\\\x/../c ") == 4);
    CHECK(names.find("sub/d.v2") == 5);
    CHECK(names.find("e.png") == 3);
    CHECK_FALSE(names.find("e"));
    CHECK_FALSE(names.find(""));
    CHECK_FALSE(names.find("A.jpg"));
    CHECK(names.why_not("e") == "'e' could be e.jpg or e.png; write the extension.");
    CHECK(names.why_not("C.png") == "there is no image 'C.png'; did you mean 'sub/c.jpg'?");
    CHECK(names.why_not("x/../..") == "'x/../..' leaves the image folder; write a path below it.");
    CHECK(names.why_not("c:x") == "'c:x' is an absolute path; write it relative to the image folder.");
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
    CHECK(
        problems("image,labels\na,catt\nb,\"cat\"x\nsub/c,dog\nsub/c,cat\nb,\"\n") ==
        Texts{
            "line 2: unknown class 'catt'; did you mean 'cat'?",
            "line 3: this row is not valid CSV (',' expected after '\"'); check its quotes and save the file as UTF-8.",
            "line 5: 'sub/c.jpg' already stands on line 4 with other labels; keep one row.",
            "line 6: this row is not valid CSV (unexpected end of data); check its quotes and save the file as "
            "UTF-8."});
    CHECK(
        problems("image,labels\na,x\nb,x\nx,x\n").front().starts_with("line 2 (and 2 more lines): unknown class 'x'"));
    CHECK(problems("image,labels\na,zebra\nb,d\xF6g\n") ==
          Texts{"line 3: the text is not UTF-8; save the file as UTF-8."});
    CHECK(problems("no header\n\xFF") == Texts{"line 2: the text is not UTF-8; save the file as UTF-8."});
}

TEST_CASE("read_tags tells which file cannot be read") {
    CHECK_THROWS_WITH_AS(static_cast<void>(read_tags("/none/tags.csv", classes(), images)),
                         "/none/tags.csv cannot be read: No such file or directory.", UserError);
    CHECK_THROWS_WITH_AS(static_cast<void>(read_tags("/", classes(), images)), "/ cannot be read: Is a directory.",
                         UserError);
}

TEST_CASE("read_tags reads more than a block") {
    std::string text = "image,labels\n";
    while (text.size() < 3 * Lines::usual_block) {
        text += "a.jpg,cat\r\nsub/c,\"dog;\nüü\"\n";
    }
    const std::size_t rows = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\r'));
    const Texts found = problems(text + "b,zebra\n");
    REQUIRE(found.size() == 2);
    CHECK(found[0].starts_with("line 3 (and " + std::to_string(rows - 1) + " more lines): unknown class 'üü'"));
    CHECK(found[1].starts_with("line " + std::to_string(3 * rows + 2) + ": unknown class 'zebra'"));
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
        CHECK(error.problems().back() == "list: 7 more lines are wrong.");
    }
}

TEST_CASE("ClassTable refuses what is no table") {
    CHECK_THROWS_AS(ClassTable({"background"}), UserError);
    CHECK_THROWS_WITH_AS(ClassTable({"background", "cat", "cat"}),
                         "Class 'cat' occurs twice in the class table; every name must be different.", UserError);
    CHECK(classes().find("dog") == 2);
    CHECK(classes().find("Dog") == -1);
    CHECK(classes().suggestion("DOGS") == "did you mean 'dog'?");
    CHECK(classes().suggestion("x") == "the classes are background, cat, dog, traffic light.");
}
