#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>

#include "images/decoders.hpp"

namespace swsss {
namespace {

constexpr std::size_t info_size = 40;  // of the header since Windows 3.0, which later ones begin with

/// A number of 2 or 4 bytes, the lowest first.
std::uint32_t number(Bytes data, std::size_t at, std::size_t size = 4) {
    if (at + size > data.size()) {
        throw Undecodable(cut_short);
    }
    std::uint32_t value = 0;
    for (std::size_t index = size; index > 0; --index) {
        value = value << 8U | data[at + index - 1];
    }
    return value;
}

/// Whether pixels are stored as blue, green, red: plainly, or with alpha and bit fields that say so.
bool has_usual_channels(Bytes data, std::size_t bits) {
    constexpr std::uint32_t fields = 3;
    const std::uint32_t packing = number(data, 30);
    return packing == 0 || (packing == fields && bits == 32 && number(data, 54) == 0xFF0000 &&
                            number(data, 58) == 0xFF00 && number(data, 62) == 0xFF);
}

}  // namespace

Image decode_bmp(Bytes data, const BeforePixels& before) {
    const std::size_t header_size = number(data, 14);
    const auto width = static_cast<std::int32_t>(number(data, 18));
    const auto height = static_cast<std::int32_t>(number(data, 22));
    const std::size_t bits = number(data, 28, 2);
    // What else there is (runs, 1, 4 and 16 bits) no camera and no annotation tool writes.
    if (header_size < info_size || (bits != 8 && bits != 24 && bits != 32) || !has_usual_channels(data, bits)) {
        throw Undecodable(damaged);
    }
    check_size(width, std::abs(std::int64_t{height}));
    const std::size_t stride = (static_cast<std::size_t>(width) * bits + 31) / 32 * 4;
    const auto rows = static_cast<std::size_t>(std::abs(height));
    const std::size_t pixels_at = number(data, 10);
    if (pixels_at > data.size() || stride * rows > data.size() - pixels_at) {
        throw Undecodable(cut_short);
    }
    std::array<std::uint8_t, 1024> palette{};  // colours that the file does not name are black
    if (bits == 8) {
        const std::size_t named = number(data, 46);
        const std::size_t size = 4 * (named == 0 ? 256 : named);
        if (named > 256 || 14 + header_size + size > data.size()) {
            throw Undecodable(damaged);
        }
        std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(14 + header_size), size, palette.begin());
    }
    Image image = make_image(width, std::abs(height), before);
    std::uint8_t* to = image.pixels.data();
    for (std::size_t row = 0; row < rows; ++row) {
        const std::uint8_t* from = data.data() + pixels_at + stride * (height < 0 ? row : rows - 1 - row);
        for (int column = 0; column < width; ++column, from += bits / 8, to += 3) {
            const std::uint8_t* pixel = bits == 8 ? palette.data() + std::size_t{4} * *from : from;
            std::reverse_copy(pixel, pixel + 3, to);
        }
    }
    return image;
}

}  // namespace swsss
