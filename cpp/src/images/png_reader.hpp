/// PNG files in, by libpng.
#pragma once

#include <png.h>

#include <array>
#include <cstdint>
#include <vector>

#include "images/decoders.hpp"

namespace swsss {

inline constexpr std::array<std::uint8_t, 8> png_signature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

/// A PNG reduced to its header, palette and pixels.
struct EssentialPng {
    std::vector<std::uint8_t> file;
    int orientation = 1;  ///< EXIF orientation, 1 to 8, wherever it stands.
};

/// Reduce a PNG, which begins with the signature, to what its picture needs.
///
/// Chunks that hold no pixels matter to nobody here, so they may be damaged; the others may not. Colours that the
/// palette does not name are black.
/// @throws Undecodable It is cut short, damaged, or too large.
[[nodiscard]] EssentialPng essential_png(Bytes data);

/// libpng's two structures on an essential PNG in memory.
class PngReader {
  public:
    /// Reads up to the pixels.
    /// @throws Undecodable It is damaged.
    explicit PngReader(Bytes file);
    PngReader(const PngReader&) = delete;
    PngReader& operator=(const PngReader&) = delete;
    PngReader(PngReader&&) = delete;
    PngReader& operator=(PngReader&&) = delete;
    ~PngReader();

    [[nodiscard]] std::int64_t width() const { return png_get_image_width(png_, info_); }
    [[nodiscard]] std::int64_t height() const { return png_get_image_height(png_, info_); }
    [[nodiscard]] int depth() const { return png_get_bit_depth(png_, info_); }
    [[nodiscard]] int colour_type() const { return png_get_color_type(png_, info_); }
    [[nodiscard]] std::array<png_color, 256> colours() const;

    /// What a pixel is read as.
    enum class Kind {
        rgb,     ///< 3 bytes: grey or coloured, not indexed; no alpha.
        values,  ///< 1 byte: indices as they are; grey of 2 to 8 bits as 0 to 255, of 1 bit as 0 or 1.
    };

    /// Read all pixels.
    /// @param pixels Room for height · width · bytes of a pixel.
    /// @throws Undecodable They are damaged.
    void read_pixels(Kind kind, std::vector<std::uint8_t>& pixels);

  private:
    [[nodiscard]] bool read_header();
    [[nodiscard]] bool prepare(Kind kind);
    [[nodiscard]] bool read_rows(std::vector<png_bytep>& rows);

    Bytes left_;
    png_structp png_;
    png_infop info_;
};

}  // namespace swsss
