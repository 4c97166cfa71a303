#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "images/decoders.hpp"

namespace swsss {
namespace {

/// A file in memory that libtiff reads.
struct Source {
    Bytes data;
    toff_t at = 0;
};

extern "C" {
static tmsize_t read_tiff(thandle_t handle, void* to, tmsize_t count) {
    auto* source = static_cast<Source*>(handle);
    const toff_t left = source->at < source->data.size() ? source->data.size() - source->at : 0;
    const auto done = std::min<toff_t>(left, static_cast<toff_t>(std::max<tmsize_t>(count, 0)));
    if (done > 0) {
        std::memcpy(to, source->data.data() + source->at, done);
    }
    source->at += done;
    return static_cast<tmsize_t>(done);
}
static tmsize_t write_tiff(thandle_t /*handle*/, void* /*from*/, tmsize_t /*count*/) { return 0; }
static toff_t seek_tiff(thandle_t handle, toff_t offset, int from) {
    auto* source = static_cast<Source*>(handle);
    source->at = offset + (from == SEEK_CUR ? source->at : from == SEEK_END ? source->data.size() : 0);
    return source->at;
}
static int close_tiff(thandle_t /*handle*/) { return 0; }
/// The file is in memory already.
static int map_tiff(thandle_t handle, void** start, toff_t* size) {
    const Bytes data = static_cast<Source*>(handle)->data;
    *start = const_cast<std::uint8_t*>(data.data());  // NOLINT(*-const-cast): libtiff does not write into what it reads
    *size = data.size();
    return 1;
}
static toff_t size_tiff(thandle_t handle) { return static_cast<Source*>(handle)->data.size(); }
}

struct Closer {
    void operator()(TIFF* tiff) const noexcept { TIFFClose(tiff); }
};
using Tiff = std::unique_ptr<TIFF, Closer>;

Tiff open(Source& source) {
    // libtiff's handlers are the process's: nothing may be printed by any of its files.
    static const bool silent = [] {
        TIFFSetErrorHandler(nullptr);
        TIFFSetWarningHandler(nullptr);
        return true;
    }();
    (void)silent;
    return Tiff(TIFFClientOpen("image", "r", &source, read_tiff, write_tiff, seek_tiff, close_tiff, size_tiff, map_tiff,
                               nullptr));
}

template <typename Number>
Number field(TIFF* tiff, std::uint32_t tag) {
    Number value = 0;
    TIFFGetFieldDefaulted(tiff, tag, &value);  // NOLINT(*-vararg)
    return value;
}

/// Whether so many samples of a pixel, and bits of a sample, are decoded.
bool is_known_kind(TIFF* tiff) {
    std::uint16_t kind = 0;
    const auto samples = field<std::uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL);
    const auto bits = field<std::uint16_t>(tiff, TIFFTAG_BITSPERSAMPLE);
    if (TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &kind) == 0) {  // NOLINT(*-vararg)
        return false;
    }
    switch (kind) {
        case PHOTOMETRIC_MINISWHITE:
        case PHOTOMETRIC_MINISBLACK:
            return samples <= 2 && (bits == 1 || bits == 8 || bits == 16);
        case PHOTOMETRIC_RGB:
            return (samples == 3 || samples == 4) && (bits == 8 || bits == 16);
        case PHOTOMETRIC_PALETTE:
            return samples == 1 && (bits == 1 || bits == 4 || bits == 8);
        case PHOTOMETRIC_SEPARATED:
            return samples == 4 && bits == 8;
        case PHOTOMETRIC_YCBCR:
            return samples == 3 && bits == 8;
        default:
            return false;
    }
}

/// Refuse what is not decoded, before anything of its size is made.
void check(TIFF* tiff) {
    constexpr std::uint32_t longest_side = 1 << 20;  // that OpenCV, and so Python, decodes
    const auto width = field<std::uint32_t>(tiff, TIFFTAG_IMAGEWIDTH);
    const auto height = field<std::uint32_t>(tiff, TIFFTAG_IMAGELENGTH);
    check_size(width, height);
    const auto format = field<std::uint16_t>(tiff, TIFFTAG_SAMPLEFORMAT);
    const bool whole_numbers = format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_INT;
    if (std::max(width, height) > longest_side || !whole_numbers || !is_known_kind(tiff)) {
        throw Undecodable(damaged);
    }
}

/// Take the orientation away and tell it, and what is said of alpha: libtiff would turn the picture in part, and
/// multiply alpha into the colours.
int plain(TIFF* tiff) {
    const auto orientation = field<std::uint16_t>(tiff, TIFFTAG_ORIENTATION);
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);  // NOLINT(*-vararg)
    std::uint16_t count = 0;
    std::uint16_t* kinds = nullptr;
    if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) != 0 && count > 0) {  // NOLINT(*-vararg)
        const std::vector<std::uint16_t> unspecified(count, EXTRASAMPLE_UNSPECIFIED);
        TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, count, unspecified.data());  // NOLINT(*-vararg)
    }
    return orientation;
}

/// Pixels of libtiff's, on their way into an image.
struct Raster {
    Image& image;
    std::vector<std::uint32_t> pixels;

    /// Put a block, whose rows lie upside down and are `stride` apart, where it belongs; what is beyond the image is
    /// left.
    void put(std::uint32_t left, std::uint32_t top, std::uint32_t rows, std::uint32_t stride) {
        const auto width = static_cast<std::uint32_t>(image.width);
        const auto height = static_cast<std::uint32_t>(image.height);
        for (std::uint32_t row = 0; row < std::min(rows, height - top); ++row) {
            const std::uint32_t* from = pixels.data() + std::size_t{rows - 1 - row} * stride;
            std::uint8_t* to = image.pixels.data() + 3 * (std::size_t{top + row} * width + left);
            for (std::uint32_t column = 0; column < std::min(stride, width - left); ++column, to += 3) {
                const std::uint32_t pixel = from[column];
                to[0] = static_cast<std::uint8_t>(TIFFGetR(pixel));
                to[1] = static_cast<std::uint8_t>(TIFFGetG(pixel));
                to[2] = static_cast<std::uint8_t>(TIFFGetB(pixel));
            }
        }
    }
};

// Block by block, as OpenCV reads: a block that is damaged is then told from one that is not there.

bool read_tiles(TIFF* tiff, Raster& raster) {
    const std::uint32_t tile_width = field<std::uint32_t>(tiff, TIFFTAG_TILEWIDTH);
    const std::uint32_t tile_height = field<std::uint32_t>(tiff, TIFFTAG_TILELENGTH);
    if (tile_width == 0 || tile_height == 0 || tile_width > max_pixels / tile_height) {
        return false;
    }
    raster.pixels.resize(std::size_t{tile_width} * tile_height);
    for (std::uint32_t top = 0; top < static_cast<std::uint32_t>(raster.image.height); top += tile_height) {
        for (std::uint32_t left = 0; left < static_cast<std::uint32_t>(raster.image.width); left += tile_width) {
            if (TIFFReadRGBATile(tiff, left, top, raster.pixels.data()) == 0) {
                return false;
            }
            raster.put(left, top, tile_height, tile_width);
        }
    }
    return true;
}

bool read_strips(TIFF* tiff, Raster& raster) {
    const auto width = static_cast<std::uint32_t>(raster.image.width);
    const auto height = static_cast<std::uint32_t>(raster.image.height);
    // Some files say that a strip has more rows than there are, which libtiff would make room for.
    const auto rows = std::clamp(field<std::uint32_t>(tiff, TIFFTAG_ROWSPERSTRIP), 1U, height);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, rows);  // NOLINT(*-vararg)
    raster.pixels.resize(std::size_t{width} * rows);
    for (std::uint32_t top = 0; top < height; top += rows) {
        if (TIFFReadRGBAStrip(tiff, top, raster.pixels.data()) == 0) {
            return false;
        }
        raster.put(0, top, std::min(rows, height - top), width);
    }
    return true;
}

}  // namespace

Image decode_tiff(Bytes data, const BeforePixels& before) {
    Source source{data};
    const Tiff tiff = open(source);
    if (!tiff) {
        throw Undecodable(damaged);
    }
    check(tiff.get());
    const int orientation = plain(tiff.get());
    Image image = make_image(field<std::uint32_t>(tiff.get(), TIFFTAG_IMAGEWIDTH),
                             field<std::uint32_t>(tiff.get(), TIFFTAG_IMAGELENGTH), before);
    Raster raster{image, {}};
    if (TIFFIsTiled(tiff.get()) != 0 ? !read_tiles(tiff.get(), raster) : !read_strips(tiff.get(), raster)) {
        throw Undecodable(damaged);
    }
    return orient(std::move(image), orientation);
}

}  // namespace swsss
