#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "images/bmp_header.hpp"
#include "images/bytes.hpp"
#include "images/decoders.hpp"

namespace swsss {
namespace {

using Colour = std::array<std::uint8_t, 3>;
using Palette = std::array<Colour, 256>;
using Masks = std::array<std::uint32_t, 3>;  // red, green, blue

constexpr Masks masks_of_16{0x7C00, 0x03E0, 0x001F};
constexpr Masks masks_of_32{0xFF0000, 0x00FF00, 0x0000FF};
constexpr std::size_t masks_at = 54;

/// Colours that the file does not name are black.
Palette read_palette(Bytes data, const BmpHeader& header) {
    Palette palette{};
    const std::size_t all = std::size_t{1} << header.bits;
    const std::size_t count = std::min<std::size_t>(header.colours == 0 ? all : header.colours, palette.size());
    const Bytes entries = part(data, header.palette_at, count * header.entry);
    for (std::size_t index = 0; index < count; ++index) {
        const Bytes entry = entries.subspan(index * header.entry, 3);
        palette[index] = {entry[2], entry[1], entry[0]};
    }
    return palette;
}

Masks read_masks(Bytes data, const BmpHeader& header) {
    if (header.packing != BmpPacking::fields) {
        return header.bits == 16 ? masks_of_16 : masks_of_32;
    }
    Masks masks{};
    for (std::size_t channel = 0; channel < masks.size(); ++channel) {
        masks[channel] = static_cast<std::uint32_t>(little_endian(data, masks_at + 4 * channel, 4));
    }
    return masks;
}

/// The bits of a mask as the upper ones of 8: of more bits the upper 8 count, fewer are filled with zeros.
std::uint8_t channel_of(std::uint32_t pixel, std::uint32_t mask) {
    const int shift = static_cast<int>(std::bit_width(mask)) - 8;
    const std::uint32_t value = pixel & mask;
    return static_cast<std::uint8_t>(shift > 0 ? value >> static_cast<unsigned>(shift)
                                               : value << static_cast<unsigned>(-shift));
}

/// Rows of pixels, as they lie in the file.
struct Rows {
    Rows(Bytes data, const BmpHeader& header)
        : stride((header.width * header.bits + 31) / 32 * 4),
          bytes(part(data, header.pixels_at, header.height * stride)) {}
    [[nodiscard]] Bytes operator[](std::size_t row) const { return bytes.subspan(row * stride, stride); }

    std::size_t stride;
    Bytes bytes;
};

void fill_24(const Rows& rows, const BmpHeader& header, std::uint8_t* to) {
    for (std::size_t row = 0; row < header.height; ++row) {
        const std::uint8_t* from = rows[row].data();
        for (std::size_t column = 0; column < header.width; ++column, from += 3, to += 3) {
            to[0] = from[2];
            to[1] = from[1];
            to[2] = from[0];
        }
    }
}

void fill_masked(const Rows& rows, const BmpHeader& header, const Masks& masks, std::uint8_t* to) {
    const std::size_t size = header.bits / 8;
    for (std::size_t row = 0; row < header.height; ++row) {
        const std::uint8_t* from = rows[row].data();
        for (std::size_t column = 0; column < header.width; ++column, from += size) {
            std::uint32_t pixel = from[0] | static_cast<std::uint32_t>(from[1]) << 8U;
            if (size == 4) {
                pixel |= static_cast<std::uint32_t>(from[2]) << 16U | static_cast<std::uint32_t>(from[3]) << 24U;
            }
            for (const std::uint32_t mask : masks) {
                *to++ = channel_of(pixel, mask);
            }
        }
    }
}

std::vector<std::uint8_t> plain_indices(Bytes data, const BmpHeader& header) {
    const Rows rows(data, header);
    std::vector<std::uint8_t> indices(header.width * header.height);
    std::uint8_t* to = indices.data();
    const unsigned most = (1U << header.bits) - 1;
    for (std::size_t row = 0; row < header.height; ++row) {
        const Bytes from = rows[row];
        for (std::size_t bit = 0; bit < header.width * header.bits; bit += header.bits) {
            const std::size_t shift = 8 - header.bits - bit % 8;
            *to++ = static_cast<std::uint8_t>(static_cast<unsigned>(from[bit / 8]) >> shift & most);
        }
    }
    return indices;
}

void fill_indexed(Bytes data, const BmpHeader& header, std::uint8_t* to) {
    const Palette palette = read_palette(data, header);
    for (const std::uint8_t index :
         header.packing == BmpPacking::none ? plain_indices(data, header) : read_bmp_runs(data, header)) {
        to = std::copy(palette[index].begin(), palette[index].end(), to);
    }
}

void turn_over(Image& image) {
    const std::ptrdiff_t stride = std::ptrdiff_t{3} * image.width;
    for (int upper = 0, lower = image.height - 1; upper < lower; ++upper, --lower) {
        const auto first = image.pixels.begin() + upper * stride;
        std::swap_ranges(first, first + stride, image.pixels.begin() + lower * stride);
    }
}

}  // namespace

Image decode_bmp(Bytes data) {
    const BmpHeader header = read_bmp_header(data);
    Image image = make_image(static_cast<std::int64_t>(header.width), static_cast<std::int64_t>(header.height));
    if (header.bits <= 8) {
        fill_indexed(data, header, image.pixels.data());
    } else if (const Rows rows(data, header); header.bits == 24) {
        fill_24(rows, header, image.pixels.data());
    } else {
        fill_masked(rows, header, read_masks(data, header), image.pixels.data());
    }
    if (!header.from_above) {
        turn_over(image);
    }
    return image;
}

}  // namespace swsss
