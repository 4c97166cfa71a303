#include "report/overlay.hpp"

#include <array>
#include <cmath>
#include <cstddef>

#include "images/png.hpp"
#include "labels/records.hpp"

namespace swsss {
namespace {

constexpr std::array<std::uint8_t, 3> hatch{235, 235, 235};
constexpr float opacity = 0.55F;
constexpr float hatch_opacity = 0.6F;

bool is_foreground(int id) { return id != 0 && id != ignore_id; }

/// Whether a pixel touches another class on one of four sides.
bool touches_other(const Plane& mask, int y, int x) {
    const auto at = [&](int row, int column) {
        return mask.values[static_cast<std::size_t>(row) * static_cast<std::size_t>(mask.width) +
                           static_cast<std::size_t>(column)];
    };
    const std::uint8_t id = at(y, x);
    return (y > 0 && at(y - 1, x) != id) || (y + 1 < mask.height && at(y + 1, x) != id) ||
           (x > 0 && at(y, x - 1) != id) || (x + 1 < mask.width && at(y, x + 1) != id);
}

/// How much (0..1) of a colour lies over a pixel of class `id`.
float share_at(const Plane& mask, int id, int y, int x) {
    if (id == ignore_id) {
        return (x + y) % 6 < 2 ? hatch_opacity : 0;
    }
    if (!is_foreground(id)) {
        return 0;
    }
    return touches_other(mask, y, x) ? 1 : opacity;
}

/// Luma (BT.601) in OpenCV's rounding.
int grey_of(const std::uint8_t* pixel) {
    return (9798 * pixel[0] + 19235 * pixel[1] + 3735 * pixel[2] + (1 << 14)) >> 15;  // NOLINT(*-signed-bitwise)
}

}  // namespace

Image overlay(Image image, const Plane& mask) {
    std::uint8_t* pixel = image.pixels.data();
    const std::uint8_t* id = mask.values.data();
    for (int y = 0; y < mask.height; ++y) {
        for (int x = 0; x < mask.width; ++x, pixel += 3, ++id) {
            const float share = share_at(mask, *id, y, x);
            if (share > 0) {
                const auto grey = static_cast<float>(grey_of(pixel));
                const auto& colour = *id == ignore_id ? hatch : palette()[*id];
                for (std::size_t channel = 0; channel < 3; ++channel) {
                    const float mixed = grey * (1 - share) + static_cast<float>(colour[channel]) * share;
                    pixel[channel] = static_cast<std::uint8_t>(std::lrint(mixed));
                }
            }
        }
    }
    return image;
}

}  // namespace swsss
