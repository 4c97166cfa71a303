#include <algorithm>
#include <vector>

#include "images/decoders.hpp"
#include "images/gif_parts.hpp"

namespace swsss {
namespace {

/// Rows in the order they are stored in.
std::vector<std::size_t> row_order(std::size_t height, bool interlaced) {
    std::vector<std::size_t> rows;
    const auto every = [&](std::size_t first, std::size_t step) {
        for (std::size_t row = first; row < height; row += step) {
            rows.push_back(row);
        }
    };
    if (!interlaced) {
        every(0, 1);
        return rows;
    }
    every(0, 8);
    every(4, 8);
    every(2, 4);
    every(1, 2);
    return rows;
}

}  // namespace

Image decode_gif(Bytes data) {
    const GifParts parts = read_gif_parts(data);
    Image image =
        make_image(static_cast<std::int64_t>(parts.screen_width), static_cast<std::int64_t>(parts.screen_height));
    std::vector<std::uint8_t> indices(parts.width * parts.height);
    if (!unpack_lzw(parts.packed, parts.bits, indices)) {
        throw Undecodable(damaged);
    }
    const auto& around = parts.palette[parts.transparent];
    for (std::uint8_t* to = image.pixels.data(); to != image.pixels.data() + image.pixels.size();) {
        to = std::copy(around.begin(), around.end(), to);
    }
    const std::uint8_t* index = indices.data();
    for (const std::size_t row : row_order(parts.height, parts.interlaced)) {
        std::uint8_t* to = image.pixels.data() + 3 * ((parts.top + row) * parts.screen_width + parts.left);
        for (std::size_t column = 0; column < parts.width; ++column) {
            const auto& colour = parts.palette[*index++];
            to = std::copy(colour.begin(), colour.end(), to);
        }
    }
    return image;
}

}  // namespace swsss
