#include "report/resize.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace swsss {
namespace {

/// What an old pixel gives to a new one.
struct Share {
    std::size_t from;
    float weight;
};

/// By new pixel along one side: the old ones its area lies on, with weights that sum up to 1.
std::vector<std::vector<Share>> shares(int from, int to) {
    std::vector<std::vector<Share>> all(static_cast<std::size_t>(to));
    const double scale = static_cast<double>(from) / to;
    for (int place = 0; place < to; ++place) {
        const double start = place * scale;
        const double end = std::min((place + 1) * scale, static_cast<double>(from));
        for (int old = static_cast<int>(start); old < from && old < end; ++old) {
            const double overlap = std::min<double>(old + 1, end) - std::max<double>(old, start);
            if (overlap > 1e-6) {
                all[static_cast<std::size_t>(place)].push_back(
                    {static_cast<std::size_t>(old), static_cast<float>(overlap / scale)});
            }
        }
    }
    return all;
}

/// A row of an image at its new width, times a weight, added to `sum` (RGB).
void add_row(const std::uint8_t* row, const std::vector<std::vector<Share>>& columns, float weight,
             std::vector<float>& sum) {
    float* to = sum.data();
    for (const auto& column : columns) {
        float red = 0;
        float green = 0;
        float blue = 0;
        for (const Share& share : column) {
            const std::uint8_t* pixel = row + 3 * share.from;
            red += share.weight * static_cast<float>(pixel[0]);
            green += share.weight * static_cast<float>(pixel[1]);
            blue += share.weight * static_cast<float>(pixel[2]);
        }
        *to++ += weight * red;
        *to++ += weight * green;
        *to++ += weight * blue;
    }
}

/// By new pixel along one side: the old one it shows.
std::vector<std::size_t> nearest(int from, int to) {
    std::vector<std::size_t> all(static_cast<std::size_t>(to));
    const double scale = 1 / (static_cast<double>(to) / from);  // in OpenCV's rounding
    for (int place = 0; place < to; ++place) {
        all[static_cast<std::size_t>(place)] =
            static_cast<std::size_t>(std::min(static_cast<int>(std::floor(place * scale)), from - 1));
    }
    return all;
}

}  // namespace

Image resize_area(const Image& image, int height, int width) {
    const auto rows = shares(image.height, height);
    const auto columns = shares(image.width, width);
    const std::size_t stride = std::size_t{3} * static_cast<std::size_t>(image.width);
    Image small{height, width, {}};
    small.pixels.reserve(3 * columns.size() * rows.size());
    std::vector<float> sum(3 * columns.size());
    for (const auto& row : rows) {
        std::fill(sum.begin(), sum.end(), 0.0F);
        for (const Share& share : row) {
            add_row(image.pixels.data() + share.from * stride, columns, share.weight, sum);
        }
        for (const float value : sum) {
            small.pixels.push_back(static_cast<std::uint8_t>(std::clamp(std::lrint(value), 0L, 255L)));
        }
    }
    return small;
}

Plane resize_nearest(const Plane& mask, int height, int width) {
    const auto rows = nearest(mask.height, height);
    const auto columns = nearest(mask.width, width);
    Plane small{height, width, {}};
    small.values.reserve(columns.size() * rows.size());
    for (const std::size_t row : rows) {
        for (const std::size_t column : columns) {
            small.values.push_back(mask.values[row * static_cast<std::size_t>(mask.width) + column]);
        }
    }
    return small;
}

}  // namespace swsss
