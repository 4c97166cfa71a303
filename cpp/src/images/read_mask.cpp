#include "images/read_mask.hpp"

#include <algorithm>
#include <string>

#include "images/content.hpp"
#include "images/png_reader.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

/// What Pillow calls the kind of picture, which is what `swsss.data.images` tells.
const char* mode_of(const PngReader& png) {
    switch (png.colour_type()) {
        case PNG_COLOR_TYPE_GRAY:
            return png.depth() == 1 ? "1" : png.depth() == 16 ? "I;16" : "L";
        case PNG_COLOR_TYPE_PALETTE:
            return "P";
        case PNG_COLOR_TYPE_RGB:
            return "RGB";
        case PNG_COLOR_TYPE_GRAY_ALPHA:
            return png.depth() == 8 ? "LA" : "RGBA";
        default:
            return "RGBA";
    }
}

bool is_mask(const PngReader& png) {
    return png.colour_type() == PNG_COLOR_TYPE_PALETTE ||
           (png.colour_type() == PNG_COLOR_TYPE_GRAY && png.depth() <= 8);
}

Plane decode_mask(Bytes data, const std::string& name) {
    if (data.size() < png_signature.size() || !std::equal(png_signature.begin(), png_signature.end(), data.begin())) {
        throw Undecodable(data.empty() ? "it is empty" : "it is no PNG");
    }
    const EssentialPng essential = essential_png(data);
    PngReader png(essential.file);
    if (!is_mask(png)) {
        throw UserError(name + " is a " + mode_of(png) +
                        " image; a mask must be an indexed or 8-bit grey PNG of class ids.");
    }
    Plane mask{static_cast<int>(png.height()), static_cast<int>(png.width()), {}};
    mask.values.resize(static_cast<std::size_t>(png.width() * png.height()));
    png.read_pixels(PngReader::Kind::values, mask.values);
    return mask;
}

}  // namespace

Plane read_mask(const std::filesystem::path& path) {
    try {
        const std::string data = picture_content(path);
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(data.data());  // NOLINT(*-reinterpret-cast)
        return decode_mask({bytes, data.size()}, path.string());
    } catch (const Undecodable& error) {
        throw UserError(path.string() + " cannot be read as a mask: " + error.what() + ".");
    }
}

}  // namespace swsss
