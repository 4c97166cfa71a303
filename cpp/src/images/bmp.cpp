#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <utility>
#include <vector>

#include "images/bmp_runs.hpp"
#include "images/decoders.hpp"

namespace swsss {
namespace {

enum class Packing : std::uint32_t { none = 0, runs_8 = 1, runs_4 = 2, fields = 3 };

/// What stands before the pixels.
struct Header {
    std::int64_t width = 0;
    std::int64_t height = 0;  ///< Negative when the first row is the upper one.
    int bits = 0;
    Packing packing = Packing::none;
    std::size_t pixels_at = 0;
    std::size_t palette_at = 0;
    std::size_t palette_size = 0;
    std::size_t entry_size = 4;
    std::array<std::uint32_t, 3> masks{};  ///< Red, green, blue.
};

[[noreturn]] void refuse() { throw Undecodable(damaged); }

std::uint32_t number(Bytes data, std::size_t at, std::size_t size) {
    if (at > data.size() || size > data.size() - at) {
        refuse();
    }
    std::uint32_t value = 0;
    for (std::size_t index = size; index > 0; --index) {
        value = value << 8U | data[at + index - 1];
    }
    return value;
}

/// The palette of a header that says how many entries it has, 0 for all there can be.
void find_palette(Header& header, std::uint32_t count, std::size_t at) {
    if (header.bits > 8) {
        return;
    }
    if (count > 256) {
        refuse();
    }
    header.palette_at = at;
    header.palette_size = count == 0 ? std::size_t{1} << static_cast<unsigned>(header.bits) : count;
}

/// OS/2's header of 12 bytes.
Header read_core(Bytes data) {
    Header header;
    header.width = number(data, 18, 2);
    header.height = number(data, 20, 2);
    header.bits = static_cast<int>(number(data, 24, 2));
    header.entry_size = 3;
    find_palette(header, 0, 26);
    return header;
}

Header read_info(Bytes data, std::uint32_t size) {
    Header header;
    header.width = static_cast<std::int32_t>(number(data, 18, 4));
    header.height = static_cast<std::int32_t>(number(data, 22, 4));
    header.bits = static_cast<int>(number(data, 28, 2));
    header.packing = static_cast<Packing>(number(data, 30, 4));
    find_palette(header, number(data, 46, 4), 14 + std::size_t{size});
    if (header.packing == Packing::fields) {
        // Behind the 40 bytes that all such headers share, in them or after them.
        header.masks = {number(data, 54, 4), number(data, 58, 4), number(data, 62, 4)};
    }
    return header;
}

constexpr std::array plain_bits{1, 4, 8, 16, 24, 32};

bool is_known(const Header& header) {
    switch (header.packing) {
        case Packing::none:
            return std::find(plain_bits.begin(), plain_bits.end(), header.bits) != plain_bits.end();
        case Packing::runs_8:
            return header.bits == 8;
        case Packing::runs_4:
            return header.bits == 4;
        case Packing::fields:
            return header.bits == 16 || header.bits == 32;
    }
    return false;
}

Header read_header(Bytes data) {
    const std::uint32_t size = number(data, 14, 4);
    Header header = size == 12 ? read_core(data) : size >= 40 ? read_info(data, size) : Header{};
    header.pixels_at = number(data, 10, 4);
    if (!is_known(header) || header.width <= 0 || header.height == 0) {
        refuse();
    }
    return header;
}

BmpPalette read_palette(Bytes data, const Header& header) {
    BmpPalette palette{};
    for (std::size_t index = 0; index < header.palette_size; ++index) {
        const std::uint32_t entry = number(data, header.palette_at + index * header.entry_size, 3);
        palette[index] = {static_cast<std::uint8_t>(entry >> 16U), static_cast<std::uint8_t>(entry >> 8U),
                          static_cast<std::uint8_t>(entry)};
    }
    return palette;
}

/// A part of a pixel, stretched to 8 bits as OpenCV does it.
std::uint8_t part(std::uint32_t pixel, std::uint32_t mask, int bits) {
    if (mask == 0) {
        return 0;
    }
    const auto shift = static_cast<unsigned>(std::countr_zero(mask));
    const std::uint32_t most = mask >> shift;
    const std::uint32_t value = (pixel & mask) >> shift;
    if (bits == 16) {
        return static_cast<std::uint8_t>(value << static_cast<unsigned>(8 - std::bit_width(most)));
    }
    return static_cast<std::uint8_t>(static_cast<float>(value) * (255.0F / static_cast<float>(most)));
}

std::array<std::uint32_t, 3> masks_of(const Header& header) {
    static constexpr std::array<std::uint32_t, 3> five{0x7C00, 0x03E0, 0x001F};
    static constexpr std::array<std::uint32_t, 3> six{0xF800, 0x07E0, 0x001F};
    if (header.packing != Packing::fields) {
        return header.bits == 16 ? five : std::array<std::uint32_t, 3>{0xFF0000, 0x00FF00, 0x0000FF};
    }
    // The orders of channels that are in use.
    static constexpr std::array<std::array<std::uint32_t, 3>, 2> eights{
        {{0xFF0000, 0x00FF00, 0x0000FF}, {0xFF000000, 0xFF0000, 0x00FF00}}};
    if (header.bits == 16 ? header.masks != five && header.masks != six
                          : std::find(eights.begin(), eights.end(), header.masks) == eights.end()) {
        refuse();
    }
    return header.masks;
}

void read_row(Bytes row, const Header& header, const BmpPalette& palette, std::uint8_t* to) {
    const auto masks = masks_of(header);
    for (std::size_t column = 0; column < static_cast<std::size_t>(header.width); ++column) {
        BmpColour colour{};
        if (header.bits <= 8) {
            const auto bits = static_cast<std::size_t>(header.bits);
            const std::size_t bit = column * bits;
            const std::size_t shift = 8 - bits - bit % 8;
            colour = palette[row[bit / 8] >> shift & ((std::size_t{1} << bits) - 1)];
        } else if (header.bits == 24) {
            colour = {row[3 * column + 2], row[3 * column + 1], row[3 * column]};
        } else {
            const std::size_t size = static_cast<std::size_t>(header.bits) / 8;
            const std::uint32_t pixel = number(row, column * size, size);
            for (std::size_t channel = 0; channel < 3; ++channel) {
                colour[channel] = part(pixel, masks[channel], header.bits);
            }
        }
        to = std::copy(colour.begin(), colour.end(), to);
    }
}

void read_rows(Bytes data, const Header& header, const BmpPalette& palette, Image& image) {
    const std::size_t stride =
        (static_cast<std::size_t>(header.width) * static_cast<std::size_t>(header.bits) + 31) / 32 * 4;
    for (std::size_t row = 0; row < static_cast<std::size_t>(image.height); ++row) {
        const std::size_t at = header.pixels_at + row * stride;
        if (at > data.size() || stride > data.size() - at) {
            refuse();
        }
        read_row(data.subspan(at, stride), header, palette,
                 image.pixels.data() + 3 * row * static_cast<std::size_t>(image.width));
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
    const Header header = read_header(data);
    Image image = make_image(header.width, std::abs(header.height));
    const BmpPalette palette = read_palette(data, header);
    if (header.packing == Packing::runs_8 || header.packing == Packing::runs_4) {
        if (header.pixels_at > data.size()) {
            refuse();
        }
        read_runs(data.subspan(header.pixels_at), header.bits, palette, image);
    } else {
        read_rows(data, header, palette, image);
    }
    if (header.height > 0) {
        turn_over(image);
    }
    return image;
}

}  // namespace swsss
