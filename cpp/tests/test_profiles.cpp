#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "engines/profiles.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace {

/// Profiles for sizes as 1x375x500,8x512x512, made as swsss/model/tensorrt/profiles.py makes them.
std::vector<Profile> make_profiles(const std::string& sizes) {
    std::vector<Profile> profiles;
    std::istringstream text(sizes);
    std::int64_t count = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;
    char between = 0;
    while (text >> count >> between >> height >> between >> width) {
        text >> between;
        const std::int64_t side = (std::max(height, width) + 63) / 64 * 64;
        const ShapeRange image{{1, 1, 1, 3}, {count, height, width, 3}, {count, side, side, 3}};
        profiles.push_back({image, ShapeRange{{1, 1}, {count, 4}, {count, 21}}});
    }
    return profiles;
}

struct Case {
    std::string sizes;
    BatchSize batch;
    int index;  ///< -1: too large.
    std::int64_t count;
};

/// What choose_profile of swsss/model/tensorrt/profiles.py says of cases drawn at random, and of those in its tests.
const std::vector<Case> cases{
    {"4x500x64,8x256x64,2x128x500,8x256x512", {20, 128, 256}, 3, 8},
    {"2x512x375,2x512x200", {1, 200, 640}, -1, 0},
    {"4x128x500,4x64x500", {1, 375, 500}, 0, 1},
    {"8x500x200,8x640x200,1x375x64", {3, 512, 64}, 0, 3},
    {"8x500x512,1x640x64,2x256x128,2x640x500", {20, 500, 375}, 0, 8},
    {"1x500x375,1x512x128,2x500x500", {2, 500, 375}, 2, 2},
    {"1x375x500,4x200x128,2x375x640,2x64x128", {20, 512, 64}, 2, 2},
    {"2x200x512,1x200x512", {3, 200, 64}, 0, 2},
    {"4x200x640,2x640x640,4x640x375", {3, 640, 512}, 2, 3},
    {"4x128x500,1x375x500,4x640x375,4x500x200", {20, 64, 640}, 2, 4},
    {"4x500x375,8x375x500,4x375x500,8x500x200", {8, 500, 500}, 1, 8},
    {"2x200x256,4x640x375,1x512x200,8x375x375", {1, 256, 200}, 2, 1},
    {"8x200x256,2x64x640,2x200x64,2x128x500", {2, 640, 256}, 1, 2},
    {"1x512x640,4x512x128,2x256x500,1x500x512", {3, 512, 128}, 1, 3},
    {"2x640x375,8x512x512,2x375x375", {8, 375, 512}, 1, 8},
    {"4x375x640,4x200x640", {1, 128, 640}, 1, 1},
    {"1x375x500,8x512x512,2x1000x1100", {1, 375, 500}, 0, 1},   // tuned for it
    {"1x375x500,8x512x512,2x1000x1100", {1, 500, 375}, 0, 1},   // the same lying
    {"1x375x500,8x512x512,2x1000x1100", {1, 1, 1}, 0, 1},       // nothing is too small
    {"1x375x500,8x512x512,2x1000x1100", {2, 375, 500}, 1, 2},   // more at a time before nearer
    {"1x375x500,8x512x512,2x1000x1100", {20, 300, 300}, 1, 8},  // the first 8 of 20
    {"1x375x500,8x512x512,2x1000x1100", {8, 513, 400}, 2, 2},   // only the large one takes it
    {"1x375x500,8x512x512,2x1000x1100", {1, 1152, 1152}, 2, 1},
    {"1x375x500,8x512x512,2x1000x1100", {1, 1153, 10}, -1, 0},
    {"4x200x200,4x600x600", {4, 180, 190}, 0, 4},
    {"4x600x600,4x200x200", {4, 180, 190}, 1, 4},
    {"4x200x200,4x200x200", {4, 180, 190}, 0, 4},  // the first of equals
};

}  // namespace

TEST_CASE("the profile for a batch is the one Python chooses") {
    for (const Case& one : cases) {
        CAPTURE(one.sizes);
        CAPTURE(one.batch.height);
        const auto choice = choose_profile(make_profiles(one.sizes), one.batch);
        REQUIRE(choice.has_value() == (one.index >= 0));
        if (choice) {
            CHECK(static_cast<int>(choice->index) == one.index);
            CHECK(choice->count == one.count);
        }
    }
}

TEST_CASE("a profile says what it is tuned for and what it takes") {
    const auto profiles = make_profiles("1x375x500,8x512x512");
    CHECK(profiles[0].size() == "1x375x500");
    CHECK(profiles[0].taken() == "1 image of up to 512×512 pixels");
    CHECK(profiles[1].taken() == "1 to 8 images of up to 512×512 pixels");
}
