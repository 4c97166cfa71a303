/// Optimisation profiles of an engine: the sizes it is tuned for, and those it takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace swsss {

/// Sides of a tensor.
using Shape = std::vector<std::int64_t>;

/// Shapes of an input: the smallest and the largest that are taken, and the one that is tuned for.
struct ShapeRange {
    Shape min;
    Shape opt;
    Shape max;

    /// Whether a shape of as many sides is taken.
    [[nodiscard]] bool holds(std::span<const std::int64_t> shape) const;
};

/// One optimisation profile.
struct Profile {
    ShapeRange image;                      ///< [N, H, W, 3]
    std::optional<ShapeRange> candidates;  ///< [N, K]; absent in a plain model.

    /// What is tuned for, as `swsss-export --sizes` reads it: "8x375x500".
    [[nodiscard]] std::string size() const;

    /// What is taken, in words.
    [[nodiscard]] std::string taken() const;
};

/// Images of one size.
struct BatchSize {
    std::int64_t count = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;

    friend bool operator==(const BatchSize&, const BatchSize&) = default;
};

/// The profile for a batch, and how many of its images the profile takes at a time.
struct Choice {
    std::size_t index = 0;
    std::int64_t count = 0;
};

/// The profile that takes most of a batch at a time, and of several the one tuned for the nearest size: with the
/// smallest sum, over the sides, of |log(side / tuned side)|.
///
/// @returns None when the images are too large for every profile.
[[nodiscard]] std::optional<Choice> choose_profile(std::span<const Profile> profiles, const BatchSize& batch);

}  // namespace swsss
