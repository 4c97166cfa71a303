#include "images/decoders.hpp"
#include "images/png_reader.hpp"

namespace swsss {
namespace {

void look_up(const std::vector<std::uint8_t>& indices, const std::array<png_color, 256>& colours, Image& image) {
    auto* to = image.pixels.data();
    for (const std::uint8_t index : indices) {
        *to++ = colours[index].red;
        *to++ = colours[index].green;
        *to++ = colours[index].blue;
    }
}

}  // namespace

StoredImage decode_png(Bytes data) {
    const EssentialPng essential = essential_png(data);
    PngReader png(essential.file);
    Image image = make_image(png.width(), png.height());
    if (png.colour_type() == PNG_COLOR_TYPE_PALETTE) {
        std::vector<std::uint8_t> indices(image.pixels.size() / 3);
        png.read_pixels(PngReader::Kind::values, indices);
        look_up(indices, png.colours(), image);
    } else {
        png.read_pixels(PngReader::Kind::rgb, image.pixels);
    }
    return {std::move(image), essential.orientation};
}

}  // namespace swsss
