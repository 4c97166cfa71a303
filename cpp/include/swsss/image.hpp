/// Pixels in: decoding by content, EXIF orientation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace swsss {

/// RGB pixels, row by row: `pixels` holds height · width · 3 bytes.
struct Image {
    int height = 0;
    int width = 0;
    std::vector<std::uint8_t> pixels;
};

/// One byte a pixel, row by row: class ids, or confidences round(255 · probability).
struct Plane {
    int height = 0;
    int width = 0;
    std::vector<std::uint8_t> values;
};

/// An image in the grid it is stored in, and the EXIF orientation (1 to 8) that turns it upright.
struct StoredImage {
    Image image;
    int orientation = 1;
};

/// Most pixels an image may have.
inline constexpr std::int64_t max_pixels = 178'956'970;

/// Decode a JPEG, PNG, WebP, BMP (8, 24 or 32 bits, not compressed) or TIFF as it is stored, told apart by content.
///
/// Grey becomes R = G = B. Alpha and transparent colours are dropped: pixels keep the RGB below. 16 bits become 8 by
/// their upper byte (in a colour TIFF they are rounded). CMYK and YCCK are taken for inverted, as Adobe writes them. Of
/// several pictures in a file the first counts. Colour profiles are ignored. A TIFF is turned upright, its orientation
/// is 1.
///
/// @param data The whole file.
/// @param name What to call it in an error.
/// @throws UserError It is empty, of another format, cut short, damaged, or has more than `max_pixels`.
[[nodiscard]] StoredImage decode_image(std::span<const std::uint8_t> data, const std::string& name);

/// Read an image file and decode it as `decode_image` does.
///
/// @param before Called with the height and width that the header tells, before anything of that size is made.
/// @throws UserError It cannot be read, is no file (a folder, a pipe), is too large, or cannot be decoded.
[[nodiscard]] StoredImage read_image(
    const std::filesystem::path& path, const std::function<void(int, int)>& before = [](int, int) {});

/// Turn stored pixels upright. An `orientation` other than 1 to 8 counts as 1 (EXIF 2.32, tag 0x0112).
[[nodiscard]] Image orient(Image stored, int orientation);

/// Turn upright values back into the stored grid: the inverse of what `orient` does to pixels.
[[nodiscard]] Plane orient_back(Plane upright, int orientation);

}  // namespace swsss
