#include "engines/profiles.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <tuple>

namespace swsss {
namespace {

double distance(std::span<const std::int64_t> shape, const Shape& tuned) {
    double sum = 0.0;
    for (std::size_t side = 0; side < shape.size(); ++side) {
        sum += std::abs(std::log(static_cast<double>(shape[side]) / static_cast<double>(tuned[side])));
    }
    return sum;
}

}  // namespace

bool ShapeRange::holds(std::span<const std::int64_t> shape) const {
    assert(shape.size() == min.size() && shape.size() == max.size());
    for (std::size_t side = 0; side < shape.size(); ++side) {
        if (shape[side] < min[side] || shape[side] > max[side]) {
            return false;
        }
    }
    return true;
}

std::string Profile::size() const {
    return std::to_string(image.opt[0]) + "x" + std::to_string(image.opt[1]) + "x" + std::to_string(image.opt[2]);
}

std::string Profile::taken() const {
    const std::string images = image.max[0] == 1 ? "1 image" : "1 to " + std::to_string(image.max[0]) + " images";
    return images + " of up to " + std::to_string(image.max[1]) + "×" + std::to_string(image.max[2]) + " pixels";
}

std::optional<Choice> choose_profile(std::span<const Profile> profiles, const BatchSize& batch) {
    // The smallest wins: most images, then the least distance, then the first profile.
    using Rank = std::tuple<std::int64_t, double, std::size_t>;
    std::optional<Rank> best;
    for (std::size_t index = 0; index < profiles.size(); ++index) {
        const ShapeRange& taken = profiles[index].image;
        const std::array<std::int64_t, 4> shape{std::min(batch.count, taken.max[0]), batch.height, batch.width, 3};
        if (!taken.holds(shape)) {
            continue;
        }
        const Rank rank{-shape[0], distance(shape, taken.opt), index};
        best = best ? std::min(*best, rank) : rank;
    }
    if (!best) {
        return std::nullopt;
    }
    return Choice{std::get<2>(*best), -std::get<0>(*best)};
}

}  // namespace swsss
