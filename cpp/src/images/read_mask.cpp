#include "images/read_mask.hpp"

#include <cstring>
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

void check_signature(Bytes data) {
    static constexpr std::array<std::uint8_t, 8> signature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    if (data.empty()) {
        throw Undecodable("it is empty");
    }
    if (data.size() < signature.size() || std::memcmp(data.data(), signature.data(), signature.size()) != 0) {
        throw Undecodable("it is no PNG");
    }
}

Plane decode_mask(Bytes data, const std::string& name) {
    check_signature(data);
    PngReader png(data);
    if (!is_sound_png(data) || !png.read_header()) {
        throw Undecodable(damaged);
    }
    if (png.width() > max_pixels / png.height()) {
        throw Undecodable("it has more than 178 956 970 pixels");
    }
    if (!is_mask(png)) {
        throw UserError(name + " is a " + mode_of(png) +
                        " image; a mask must be an indexed or 8-bit grey PNG of class ids.");
    }
    if (!is_whole_png(data)) {
        throw Undecodable(cut_short);
    }
    Plane mask{static_cast<int>(png.height()), static_cast<int>(png.width()), {}};
    mask.values.resize(static_cast<std::size_t>(png.width() * png.height()));
    if (!png.ask_for_values() || !png.read_pixels(mask.values)) {
        throw Undecodable(damaged);
    }
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
