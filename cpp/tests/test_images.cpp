#include <doctest/doctest.h>
#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "images/decoders.hpp"
#include "images/png.hpp"
#include "swsss/errors.hpp"
#include "swsss/image.hpp"
#include "temporary.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace {

using Values = std::vector<std::uint8_t>;

Plane some_plane(int height, int width) {
    Plane plane{height, width, Values(static_cast<std::size_t>(height) * static_cast<std::size_t>(width))};
    std::uint32_t state = 1;
    for (std::uint8_t& value : plane.values) {
        state = state * 1664525U + 1013904223U;  // Numerical Recipes' generator
        value = static_cast<std::uint8_t>(state >> 24U);
    }
    return plane;
}

/// What is told of bytes that cannot be decoded.
std::string reason(const Values& data) {
    try {
        (void)decode_image(data, "a");
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

std::string reason(std::string_view text) { return reason(Values(text.begin(), text.end())); }

constexpr const char* cut = "a cannot be read as an image: it is cut short.";
constexpr const char* broken = "a cannot be read as an image: it is damaged, or of a kind that cannot be decoded.";

}  // namespace

TEST_CASE("masks and maps come back from their PNG") {
    for (const auto& [height, width] : {std::pair{1, 1}, {1, 300}, {300, 1}, {33, 47}}) {
        const Plane plane = some_plane(height, width);
        const StoredImage grey = decode_image(encode_grey(plane), "grey");
        const StoredImage mask = decode_image(encode_mask(plane), "mask");
        REQUIRE(grey.image.height == height);
        REQUIRE(mask.image.width == width);
        CHECK(mask.orientation == 1);
        for (std::size_t pixel = 0; pixel < plane.values.size(); ++pixel) {
            CHECK(grey.image.pixels[3 * pixel + 2] == plane.values[pixel]);
            CHECK(mask.image.pixels[3 * pixel + 1] == palette()[plane.values[pixel]][1]);
        }
    }
}

TEST_CASE("the palette is VOC's") {
    const std::array<std::uint8_t, 3> aeroplane{128, 0, 0};
    const std::array<std::uint8_t, 3> monitor{0, 64, 128};
    const std::array<std::uint8_t, 3> boundary{224, 224, 192};
    CHECK(palette()[1] == aeroplane);
    CHECK(palette()[20] == monitor);
    CHECK(palette()[255] == boundary);
}

TEST_CASE("orient turns upright, orient_back turns back") {
    // 1 2 3 / 4 5 6, as a viewer shows it (EXIF 2.32, tag 0x0112).
    const std::vector<std::pair<int, Values>> upright{
        {1, {1, 2, 3, 4, 5, 6}}, {2, {3, 2, 1, 6, 5, 4}}, {3, {6, 5, 4, 3, 2, 1}},
        {4, {4, 5, 6, 1, 2, 3}}, {5, {1, 4, 2, 5, 3, 6}}, {6, {4, 1, 5, 2, 6, 3}},
        {7, {6, 3, 5, 2, 4, 1}}, {8, {3, 6, 2, 5, 1, 4}}, {9, {1, 2, 3, 4, 5, 6}},
    };
    const Values stored{1, 2, 3, 4, 5, 6};
    for (const auto& [orientation, expected] : upright) {
        Image image{2, 3, {}};
        for (const std::uint8_t value : stored) {
            image.pixels.insert(image.pixels.end(), {value, 0, static_cast<std::uint8_t>(value + 100)});
        }
        const Image turned = orient(image, orientation);
        const bool transposed = orientation >= 5 && orientation <= 8;
        CHECK(turned.height == (transposed ? 3 : 2));
        CHECK(turned.width == (transposed ? 2 : 3));
        for (std::size_t pixel = 0; pixel < expected.size(); ++pixel) {
            CHECK(turned.pixels[3 * pixel] == expected[pixel]);
            CHECK(turned.pixels[3 * pixel + 2] == expected[pixel] + 100);
        }
        const Plane back = orient_back({turned.height, turned.width, expected}, orientation);
        CHECK(back.height == 2);
        CHECK(back.width == 3);
        CHECK(back.values == stored);
    }
}

TEST_CASE("EXIF orientation") {
    using namespace std::string_view_literals;
    const auto orientation = [](std::string_view block) {
        const Values bytes(block.begin(), block.end());
        return exif_orientation(bytes);
    };
    constexpr auto little = "II*\0\10\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0"sv;
    constexpr auto big = "Exif\0\0MM\0*\0\0\0\10\0\1\1\x12\0\4\0\0\0\1\0\0\0\10"sv;
    CHECK(orientation(little) == 6);
    CHECK(orientation(big) == 8);
    for (std::size_t end = 0; end < little.size() - 2; ++end) {
        CHECK(orientation(little.substr(0, end)) == 1);
    }
    CHECK(orientation("II*\0\xff\xff\xff\xff\xff\xff\xff\xff"sv) == 1);
}

TEST_CASE("a BMP from below") {
    using namespace std::string_view_literals;
    constexpr auto file =
        "BM\0\0\0\0\0\0\0\0\66\0\0\0\50\0\0\0\1\0\0\0\2\0\0\0\1\0\30\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\2\3\0\4\5\6\0"sv;
    const Values data(file.begin(), file.end());
    const StoredImage stored = decode_image(data, "a");
    CHECK(stored.image.height == 2);
    CHECK(stored.image.pixels == Values{6, 5, 4, 3, 2, 1});
    CHECK(reason(file.substr(0, file.size() - 1)) == cut);
}

TEST_CASE("what cannot be decoded is told in words") {
    using namespace std::string_view_literals;
    CHECK(reason("") == "a cannot be read as an image: it is empty.");
    CHECK(reason("<html>404</html>") == "a cannot be read as an image: unknown format.");
    CHECK(reason("GIF89a\1\0\1\0\0\0\0;"sv) == "a cannot be read as an image: unknown format.");
    CHECK(reason("\xff\xd8\xff"sv) == cut);
    CHECK(reason("\x89PNG\r\n\x1a\n"sv) == cut);
    CHECK(reason("II*\0\10\0\0\0\0\0\0\0"sv) == broken);
    CHECK(reason("RIFF\4\0\0\0WEBP"sv) == broken);
    CHECK(reason("BM") == cut);
    Values png = encode_mask(some_plane(20, 30));
    CHECK(reason(Values(png.begin(), png.end() - 20)) == cut);
    png[20] = 0x10;
    CHECK(reason(png) == broken);  // a checksum that is wrong
}

TEST_CASE("masks come back as they are") {
    const Plane mask = some_plane(33, 47);
    CHECK(decode_mask(encode_mask(mask)).values == mask.values);
    CHECK(decode_mask(encode_grey(mask)).values == mask.values);
    Values png = encode_mask(mask);
    png[png.size() / 2] ^= 1U;
    CHECK_THROWS_AS((void)decode_mask(png), Undecodable);
}

TEST_CASE("what is no file is told in words") {
    const TemporaryFolder folder;
    const auto told = [](const std::filesystem::path& path) -> std::string {
        try {
            (void)read_image(path);
        } catch (const UserError& error) {
            return error.what();
        }
        return "";
    };
    const std::filesystem::path pipe = folder.path() / "pipe.jpg";
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(told(pipe) == pipe.string() + " cannot be read as an image: it is a pipe or a device.");
    CHECK(told(folder.path()) == folder.path().string() + " cannot be read as an image: it is a folder.");
    const std::filesystem::path gone = folder.path() / "gone.jpg";
    CHECK(told(gone) == gone.string() + " cannot be read as an image: No such file or directory.");
    const std::filesystem::path whole = folder.path() / "a.jpg";
    write_whole(whole, encode_grey(some_plane(4, 7)));
    CHECK(read_image(whole).image.width == 7);
}
