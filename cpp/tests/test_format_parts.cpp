#include <doctest/doctest.h>

#include <functional>

#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "formats/archive.hpp"
#include "formats/brush.hpp"
#include "formats/coco.hpp"
#include "formats/json.hpp"
#include "formats/label_studio.hpp"
#include "formats/runs.hpp"
#include "formats/spool.hpp"
#include "swsss/errors.hpp"
#include "temporary.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace fs = std::filesystem;

namespace {

std::string hash_of(std::string_view text) {
    return sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});  // NOLINT(*-reinterpret-cast)
}

std::string hex_of(const std::vector<std::uint8_t>& bytes) { return hex(std::string(bytes.begin(), bytes.end())); }

std::string archive_hash(std::uint64_t position, const std::function<void(Archive&)>& fill) {
    const TemporaryFolder folder;
    std::string bytes;
    Archive archive([&](std::string_view data) { bytes += data; }, folder.path(), position);
    fill(archive);
    archive.close();
    return hash_of(bytes);
}

}  // namespace

TEST_CASE("JSON strings are ASCII, whatever bytes they are") {
    CHECK(json_string("") == R"("")");
    CHECK(json_string("a\"b\\c/\n\r\t\b\f\x01\x7f") == R"("a\"b\\c/\n\r\t\b\f\u0001\u007f")");
    CHECK(json_string("é猫😀") == R"("\u00e9\u732b\ud83d\ude00")");
    CHECK(json_string("x\xff") == R"("x\udcff")");
    CHECK(json_string("\xe2\x82") == R"("\udce2\udc82")");
    CHECK(json_string("\xed\xa0\x80") == R"("\udced\udca0\udc80")");
}

TEST_CASE("runs of every foreground class") {
    const std::vector<std::uint8_t> line{1, 1, 0, 2, 255, 2, 1};
    const auto found = foreground_runs(line);
    REQUIRE(found.size() == 2);
    CHECK(lengths_of(found.at(1), line.size()) == std::vector<std::int64_t>{0, 2, 4, 1});
    CHECK(lengths_of(found.at(2), line.size()) == std::vector<std::int64_t>{3, 1, 1, 1, 1});
    CHECK(foreground_runs({}).empty());
    CHECK(columns_of({2, 3, {1, 2, 3, 4, 5, 6}}) == std::vector<std::uint8_t>{1, 4, 2, 5, 3, 6});
}

TEST_CASE("columns of masks larger than a tile") {
    Plane plane{130, 67, {}};
    for (int value = 0; value < 130 * 67; ++value) {
        plane.values.push_back(static_cast<std::uint8_t>(value * 7 % 251));
    }
    const std::vector<std::uint8_t> line = columns_of(plane);
    bool same = true;
    for (std::size_t at = 0; at < line.size(); ++at) {
        same = same && line[at] == plane.values[at % 130 * 67 + at / 130];
    }
    CHECK(same);
}

TEST_CASE("run lengths of COCO and Label Studio as the Python program encodes them") {
    CHECK(compress_counts({0, 1}) == "01");
    CHECK(compress_counts({0, 6, 1, 40, 2, 1000, 1, 1}) == "061R11Pn0OiPO");
    CHECK(hex_of(pack_brush({0, 1})) == "00000004391bfc7fe0");
    CHECK(hex_of(pack_brush({5})) == "00000014391bfe1300");
    CHECK(hex_of(pack_brush({0, 6, 1, 40, 2, 1000, 1, 1})) == "0000106c391bfe17ff8c034fffce01c3e7ffe3008ffc");
    const std::vector<std::int64_t> many{100000, 3, 7, 123456, 1, 1, 5000000, 2};
    CHECK(compress_counts(many) == "PeQ337mah3JQ^WLoibh41");
    CHECK(sha256(pack_brush(many)) == "f9c34b98375138032eef0851e62f44fb3cb72cceb1f659d0c5bb817ea3ca0c2f");
}

TEST_CASE("archives of more entries than 16 bits count have the bytes the Python program writes") {
    const auto of = [](int count) {
        return archive_hash(0, [count](Archive& archive) {
            for (int number = 0; number < count; ++number) {
                archive.add(std::to_string(number), std::to_string(number));
            }
        });
    };
    CHECK(of(0) == "8739c76e681f900923b900c9df0ef75cf421d39cabb54650c4b9ad19b6a76d85");
    CHECK(of(1) == "7a64776289346606d7c0f7f0cfc7825be5e567dee1a7160db1c1f3469c768461");
    CHECK(of(65534) == "91660311fdec1e89edca04c0aceab1b569e5645c2c0538589a79424642e3355d");
    CHECK(of(65535) == "1495732a52a294b3646b06d542759be9ea1f9731622b9ae2dbbee2c0ddd75b9e");
    CHECK(of(65536) == "bf015775e1947de6b50b1028abfeccae6281644a67cbd72e54e459d9741e669b");
}

TEST_CASE("archives beyond 4 GiB have the bytes the Python program writes") {
    const auto at = [](std::uint64_t position) {
        return archive_hash(position, [](Archive& archive) {
            std::string bytes;
            for (int value = 0; value < 256 * 9000; ++value) {
                bytes += static_cast<char>(value & 255);
            }
            archive.add("a.txt", "one");
            archive.add("deep/日本 \".png", bytes);
            archive.add("empty", "");
            const TemporaryFolder folder;
            Spool spool(folder.path());
            spool.write("12345");
            archive.add("list", spool);
        });
    };
    CHECK(at(0xFFFFFFD8) == "0de89bc7d8e3d6b58fae702270d64aa959d41691a8940fbb0f68acbb2981985d");
    CHECK(at(0xFFFFFFFF) == "758dc35081fba2f98c24c914f07bc8b828082789db39d4534db87aab5286fb6a");
    CHECK(at(0x100000000) == "150731f8b10f00fd6a7dcfb54c8bb0b5ffa931c1ea2296c388639a760f9c2170");
    CHECK(at(0x140000000) == "5fb835b351d656a7be8e7738047ba584c869b252f7dc5d641224ea6e6ea57353");
}

TEST_CASE("a spool gives back what it took, as often as wanted") {
    const TemporaryFolder folder;
    Spool spool(folder.path());
    CHECK(fs::is_empty(folder.path()));
    std::string written;
    for (int number = 0; number < 50'000; ++number) {
        spool.write(std::to_string(number));
        written += std::to_string(number);
    }
    CHECK(spool.size() == written.size());
    for (int time = 0; time < 2; ++time) {
        std::string read;
        spool.read_back([&](std::string_view block) { read += block; });
        CHECK(read == written);
    }
    CHECK_THROWS_AS(Spool(folder.path() / "nowhere"), FileError);
}

TEST_CASE("where Label Studio finds an image") {
    CHECK(image_address("", "a b/é.jpg") == "a b/é.jpg");
    CHECK(image_address("https://host/", "a b/é~\xff.jpg") == "https://host/a%20b/%C3%A9~%FF.jpg");
    CHECK(image_address("/data/?d=", "%.jpg") == "/data/?d=%25.jpg");
    CHECK(image_address("s3://", "a b") == "s3://a b");
    CHECK_THROWS_AS(static_cast<void>(image_address("s3://", "\xff")), UserError);
}
