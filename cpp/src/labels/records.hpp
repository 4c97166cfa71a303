/// What is known of an image once it is labelled, or could not be.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace swsss {

/// Pixel value that stands for "no class".
inline constexpr int ignore_id = 255;

/// An image whose mask is written.
struct Labelled {
    std::string image;  ///< Path below the image folder, with `/`.
    std::string mask;   ///< Path of its mask below `masks/`, with `/`.
    int width = 0;      ///< Of image and mask as stored.
    int height = 0;
    std::optional<std::vector<int>> tags;  ///< Foreground ids its tags allow, ascending; none when labelled without.
    std::map<int, std::int64_t> pixels;    ///< Number of pixels by class id, 255 included; only classes that occur.
    std::map<int, double> confidence;      ///< Mean probability (0..1) of the pixels of each class but 255.
    double mean_confidence = 0.0;          ///< Over all pixels, those left out included.
    double seconds = 0.0;                  ///< Its share of its batch, decoding and writing included.

    /// Foreground classes that have pixels, ascending.
    [[nodiscard]] std::vector<int> found() const;

    /// Tags without a pixel, ascending.
    [[nodiscard]] std::vector<int> not_found() const;
};

/// An image that could not be labelled.
struct Failed {
    std::string image;   ///< Path below the image folder, with `/`.
    std::string stage;   ///< decode, infer or write.
    std::string reason;  ///< One sentence.
};

}  // namespace swsss
