/// Arbitrary bytes as an image: decoded, or refused in words.
#include <cstddef>
#include <cstdint>

#include "swsss/errors.hpp"
#include "swsss/image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        swsss::StoredImage stored = swsss::decode_image({data, size}, "image");
        const swsss::Image& image = stored.image;
        const auto expected =
            std::size_t{3} * static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width);
        if (image.pixels.size() != expected || stored.orientation < 1 || stored.orientation > 8) {
            __builtin_trap();
        }
    } catch (const swsss::UserError&) {
        return 0;
    }
    return 0;
}
