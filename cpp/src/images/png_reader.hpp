/// PNG files in, by libpng.
#pragma once

#include <png.h>

#include <array>
#include <cstdint>
#include <vector>

#include "images/decoders.hpp"

namespace swsss {

/// libpng's two structures on bytes in memory. What returns a bool returns false when something is wrong; after that,
/// nothing can be read.
class PngReader {
  public:
    /// @throws std::bad_alloc
    explicit PngReader(Bytes data);
    PngReader(const PngReader&) = delete;
    PngReader& operator=(const PngReader&) = delete;
    PngReader(PngReader&&) = delete;
    PngReader& operator=(PngReader&&) = delete;
    ~PngReader();

    /// Read up to the pixels. No checksum is looked at.
    [[nodiscard]] bool read_header();

    [[nodiscard]] std::int64_t width() const { return png_get_image_width(png_, info_); }
    [[nodiscard]] std::int64_t height() const { return png_get_image_height(png_, info_); }
    [[nodiscard]] int depth() const { return png_get_bit_depth(png_, info_); }
    [[nodiscard]] int colour_type() const { return png_get_color_type(png_, info_); }

    /// Ask for one byte a pixel, indices as they are, of an indexed or grey picture of at most 8 bits. Grey of 2 or 4
    /// bits becomes 0 to 255, of 1 bit 0 or 1.
    [[nodiscard]] bool ask_for_values();

    /// Read all pixels.
    ///
    /// @param pixels Room for height · width · bytes of a pixel.
    [[nodiscard]] bool read_pixels(std::vector<std::uint8_t>& pixels);

  private:
    [[nodiscard]] bool read_rows(std::vector<png_bytep>& rows);

    Bytes left_;
    png_structp png_;
    png_infop info_;
};

/// Whether the checksums of all chunks before the pixels are right, and pixels follow.
[[nodiscard]] bool is_sound_png(Bytes data);

/// Whether its last chunk is there.
[[nodiscard]] bool is_whole_png(Bytes data);

}  // namespace swsss
