#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <numeric>
#include <vector>

#include "images/decoders.hpp"
#include "images/headers.hpp"

namespace swsss {
namespace {

constexpr std::size_t signature_size = 8;
constexpr std::array<std::uint8_t, 8> end_of_file{'I', 'E', 'N', 'D', 0xAE, 0x42, 0x60, 0x82};

std::uint32_t number_at(Bytes data, std::size_t at) {
    return static_cast<std::uint32_t>(data[at]) << 24U | static_cast<std::uint32_t>(data[at + 1]) << 16U |
           static_cast<std::uint32_t>(data[at + 2]) << 8U | data[at + 3];
}

/// What the chunks say: the block with the EXIF orientation, wherever it stands.
struct Chunks {
    bool sound = false;  ///< Whether what stands before the pixels is as it was written.
    Bytes exif;
};

/// Checksums are looked at before the pixels only, as everybody does: these have one of their own.
Chunks walk(Bytes data) {
    Chunks chunks;
    std::size_t at = signature_size;
    while (at + 12 <= data.size()) {
        const std::size_t length = number_at(data, at);
        const Bytes name = data.subspan(at + 4, 4);
        const bool pixels = std::memcmp(name.data(), "IDAT", 4) == 0;
        chunks.sound |= pixels;
        if (length > data.size() - at - 12) {
            break;
        }
        if (!chunks.sound && crc32(0, name.data(), static_cast<uInt>(length + 4)) != number_at(data, at + 8 + length)) {
            return chunks;
        }
        if (std::memcmp(name.data(), "eXIf", 4) == 0) {
            chunks.exif = data.subspan(at + 8, length);
        }
        at += 12 + length;
    }
    return chunks;
}

struct Reader {
    Bytes left;
};

extern "C" {
[[noreturn]] static void leave_png(png_structp png, png_const_charp) { png_longjmp(png, 1); }
static void warn_nothing(png_structp, png_const_charp) {}
static void read_bytes(png_structp png, png_bytep to, std::size_t count) {
    auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
    if (count > reader->left.size()) {
        png_error(png, "cut short");
    }
    std::memcpy(to, reader->left.data(), count);
    reader->left = reader->left.subspan(count);
}
}

/// libpng's two structures.
class Png {
  public:
    explicit Png(Reader& reader)
        : png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, leave_png, warn_nothing)),
          info_(png_ == nullptr ? nullptr : png_create_info_struct(png_)) {
        if (info_ == nullptr) {
            png_destroy_read_struct(&png_, &info_, nullptr);
            throw std::bad_alloc();
        }
        png_set_read_fn(png_, &reader, read_bytes);
    }
    Png(const Png&) = delete;
    Png& operator=(const Png&) = delete;
    Png(Png&&) = delete;
    Png& operator=(Png&&) = delete;
    ~Png() { png_destroy_read_struct(&png_, &info_, nullptr); }

    /// Read up to the pixels; false when something is wrong.
    bool read_header() {
        if (setjmp(png_jmpbuf(png_)) != 0) {  // NOLINT: libpng's way; no object with a destructor is made below
            return false;
        }
        // Nothing is a checksum's business but what `walk` has looked at.
        png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
        png_set_user_limits(png_, 0x7FFFFFFF, 0x7FFFFFFF);
        png_read_info(png_, info_);
        indexed = png_get_color_type(png_, info_) == PNG_COLOR_TYPE_PALETTE;
        if (!indexed) {
            png_set_expand_gray_1_2_4_to_8(png_);
            png_set_gray_to_rgb(png_);
        }
        png_set_strip_16(png_);
        png_set_strip_alpha(png_);
        png_set_packing(png_);
        png_set_interlace_handling(png_);
        png_read_update_info(png_, info_);
        return true;
    }

    /// Read the pixels, rows at `rows`.
    bool read_pixels(std::vector<png_bytep>& rows) {
        if (setjmp(png_jmpbuf(png_)) != 0) {  // NOLINT: as above
            return false;
        }
        png_read_image(png_, rows.data());
        return true;
    }

    [[nodiscard]] std::int64_t width() const { return png_get_image_width(png_, info_); }
    [[nodiscard]] std::int64_t height() const { return png_get_image_height(png_, info_); }
    [[nodiscard]] std::size_t stride() const { return png_get_rowbytes(png_, info_); }

    /// The colours of indices; those that are not in the file are black.
    [[nodiscard]] std::array<png_color, 256> colours() const {
        std::array<png_color, 256> all{};
        png_colorp given = nullptr;
        int count = 0;
        if (png_get_PLTE(png_, info_, &given, &count) != 0) {
            std::copy_n(given, std::clamp(count, 0, 256), all.begin());
        }
        return all;
    }

    bool indexed = false;

  private:
    png_structp png_;
    png_infop info_;
};

void look_up(const std::vector<std::uint8_t>& indices, const std::array<png_color, 256>& colours, Image& image) {
    auto* to = image.pixels.data();
    for (const std::uint8_t index : indices) {
        *to++ = colours[index].red;
        *to++ = colours[index].green;
        *to++ = colours[index].blue;
    }
}

Image read_image_of(Bytes data) {
    Reader reader{data};
    Png png(reader);
    if (!png.read_header()) {
        throw Undecodable(damaged);
    }
    Image image = make_image(png.width(), png.height());
    if (std::search(data.begin(), data.end(), end_of_file.begin(), end_of_file.end()) == data.end()) {
        throw Undecodable(cut_short);
    }
    std::vector<std::uint8_t> indices(png.indexed ? image.pixels.size() / 3 : 0);
    std::uint8_t* to = png.indexed ? indices.data() : image.pixels.data();
    std::vector<png_bytep> rows(static_cast<std::size_t>(image.height));
    if (png.stride() * rows.size() != (png.indexed ? indices.size() : image.pixels.size())) {
        throw Undecodable(damaged);
    }
    for (std::size_t row = 0; row < rows.size(); ++row) {
        rows[row] = to + row * png.stride();
    }
    if (!png.read_pixels(rows)) {
        throw Undecodable(damaged);
    }
    if (png.indexed) {
        look_up(indices, png.colours(), image);
    }
    return image;
}

}  // namespace

StoredImage decode_png(Bytes data) {
    const Chunks chunks = walk(data);
    if (!chunks.sound) {
        throw Undecodable(damaged);
    }
    return {read_image_of(data), exif_orientation(chunks.exif)};
}

}  // namespace swsss
