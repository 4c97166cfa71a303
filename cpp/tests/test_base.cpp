#include <doctest/doctest.h>

#include <cerrno>
#include <cmath>

#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "temporary.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

TEST_CASE("float_repr is Python's repr") {
    CHECK(float_repr(0.0) == "0.0");
    CHECK(float_repr(1.0) == "1.0");
    CHECK(float_repr(0.6) == "0.6");
    CHECK(float_repr(0.1 + 0.2) == "0.30000000000000004");
    CHECK(float_repr(1e-05) == "1e-05");
    CHECK(float_repr(0.0001) == "0.0001");
    CHECK(float_repr(123456.789) == "123456.789");
    CHECK(float_repr(1e15) == "1000000000000000.0");
    CHECK(float_repr(1e16) == "1e+16");
    CHECK(float_repr(-2.5) == "-2.5");
    CHECK(float_repr(5e-324) == "5e-324");
}

TEST_CASE("strip takes what Python takes for blank") {
    CHECK(strip(" \t\r\n a b\x1f ") == "a b");
    CHECK(strip("\u00a0\u3000cat\u2028") == "cat");
    CHECK(strip("\u200bcat") == "\u200bcat");  // a space of no width is none
    CHECK(strip(" \xff ") == "\xff");
    CHECK(strip("   ").empty());
}

TEST_CASE("split") {
    CHECK(split("a;b||c", ";|").size() == 4);
    CHECK(split("", ";").size() == 1);
    CHECK(split_blank(" a\u00a0b  c ").size() == 3);
    CHECK(split_blank("").empty());
    CHECK(join({"a", "b", "c"}, ", ") == "a, b, c");
    CHECK(join({}, ", ").empty());
}

TEST_CASE("lower") {
    CHECK(lower("Polar BEAR ÄÖ Σ") == "polar bear äö σ");
    CHECK(lower("\xff") == "\xff");
}

TEST_CASE("is_utf8") {
    CHECK(is_utf8("猫 🐈"));
    CHECK_FALSE(is_utf8("\xed\xa0\x80"));  // half of a surrogate pair
    CHECK_FALSE(is_utf8("\xc0\xaf"));
    CHECK_FALSE(is_utf8("abc\xe7\x8c"));
}

TEST_CASE("hashes") {
    // hashlib.blake2b(b"abc", digest_size=16).hexdigest()
    CHECK(hex(blake2b_16("abc")) == "cf4ab791c62b8d2b2109c90275287816");
    const std::string text = "abc";
    CHECK(sha256(std::vector<std::uint8_t>(text.begin(), text.end())) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("a file appears whole or not at all") {
    const TemporaryFolder folder;
    write_whole(folder.path() / "a" / "b.txt", std::string_view("text"));
    CHECK(read_file(folder.path() / "a" / "b.txt") == "text");
    {
        WholeFile file(folder.path() / "c.txt");
        file.write("begun");
    }
    CHECK_FALSE(std::filesystem::exists(folder.path() / "c.txt"));
    {
        WholeFile file(folder.path() / "c.txt");
        file.write(std::string(200'000, 'x'));
        file.finish();
    }
    CHECK(read_file(folder.path() / "c.txt").size() == 200'000);
    int left = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
        left += entry.path().extension() == ".tmp" ? 1 : 0;
    }
    CHECK(left == 0);
}

TEST_CASE("a file that cannot be written says why") {
    try {
        write_whole("/proc/nowhere/a", std::string_view("text"));
        FAIL("nothing was thrown");
    } catch (const FileError& error) {
        CHECK(error.code().value() == ENOENT);
        CHECK(error.reason() == "No such file or directory");
    }
    CHECK_THROWS_AS((void)read_file("/nowhere"), FileError);
}
