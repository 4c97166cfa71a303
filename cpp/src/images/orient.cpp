#include <algorithm>
#include <utility>

#include "swsss/image.hpp"

namespace swsss {
namespace {

/// How stored pixels are turned upright: transposed first, then rows and columns reversed.
struct Turn {
    bool transpose;
    bool rows;
    bool columns;
};

Turn turn_of(int orientation) {
    switch (orientation) {
        case 2:
            return {false, false, true};
        case 3:
            return {false, true, true};
        case 4:
            return {false, true, false};
        case 5:
            return {true, false, false};
        case 6:
            return {true, false, true};
        case 7:
            return {true, true, true};
        case 8:
            return {true, true, false};
        default:
            return {false, false, false};
    }
}

/// Pixels of `Channels` bytes from a grid of `height` × `width`, turned.
template <std::size_t Channels>
std::vector<std::uint8_t> turned(const std::vector<std::uint8_t>& from, std::size_t height, std::size_t width,
                                 const Turn& turn) {
    std::vector<std::uint8_t> to(from.size());
    const std::size_t rows = turn.transpose ? width : height;
    const std::size_t columns = turn.transpose ? height : width;
    std::uint8_t* next = to.data();
    for (std::size_t row = 0; row < rows; ++row) {
        const std::size_t y = turn.rows ? rows - 1 - row : row;
        for (std::size_t column = 0; column < columns; ++column) {
            const std::size_t x = turn.columns ? columns - 1 - column : column;
            const std::size_t at = turn.transpose ? x * width + y : y * width + x;
            next = std::copy_n(from.data() + Channels * at, Channels, next);
        }
    }
    return to;
}

}  // namespace

Image orient(Image stored, int orientation) {
    const Turn turn = turn_of(orientation);
    if (!turn.transpose && !turn.rows && !turn.columns) {
        return stored;
    }
    Image upright{turn.transpose ? stored.width : stored.height, turn.transpose ? stored.height : stored.width, {}};
    upright.pixels =
        turned<3>(stored.pixels, static_cast<std::size_t>(stored.height), static_cast<std::size_t>(stored.width), turn);
    return upright;
}

Plane orient_back(Plane upright, int orientation) {
    Turn turn = turn_of(orientation);
    if (!turn.transpose && !turn.rows && !turn.columns) {
        return upright;
    }
    if (turn.transpose) {
        // Undone in reverse order: what was reversed after the transposition is reversed before it.
        std::swap(turn.rows, turn.columns);
    }
    Plane stored{turn.transpose ? upright.width : upright.height, turn.transpose ? upright.height : upright.width, {}};
    stored.values = turned<1>(upright.values, static_cast<std::size_t>(upright.height),
                              static_cast<std::size_t>(upright.width), turn);
    return stored;
}

}  // namespace swsss
