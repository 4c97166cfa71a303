/// Arbitrary masks and maps: what is encoded comes back from the decoder.
#include <cstddef>
#include <cstdint>

#include "images/png.hpp"
#include "swsss/image.hpp"

namespace {

void expect(bool holds) {
    if (!holds) {
        __builtin_trap();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    const int width = data[0] + 1;
    const auto height = static_cast<int>((size - 1) / static_cast<std::size_t>(width));
    if (height == 0) {
        return 0;
    }
    const swsss::Plane plane{height, width, {data + 1, data + 1 + height * width}};
    const swsss::StoredImage grey = swsss::decode_image(swsss::encode_grey(plane), "grey");
    const swsss::StoredImage mask = swsss::decode_image(swsss::encode_mask(plane), "mask");
    expect(grey.image.width == width && grey.image.height == height && mask.image.height == height);
    for (std::size_t pixel = 0; pixel < plane.values.size(); ++pixel) {
        const std::uint8_t value = plane.values[pixel];
        expect(grey.image.pixels[3 * pixel] == value);
        for (std::size_t channel = 0; channel < 3; ++channel) {
            expect(mask.image.pixels[3 * pixel + channel] == swsss::palette()[value][channel]);
        }
    }
    return 0;
}
