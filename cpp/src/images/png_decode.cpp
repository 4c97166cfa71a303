#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <new>

#include "images/decoders.hpp"
#include "images/png.hpp"

namespace swsss {
namespace {

extern "C" {
[[noreturn]] static void leave_reader(png_structp png, png_const_charp /*message*/) { png_longjmp(png, 1); }
static void warn_nothing(png_structp /*png*/, png_const_charp /*message*/) {}
static void read_bytes(png_structp png, png_bytep to, std::size_t count) {
    auto* left = static_cast<Bytes*>(png_get_io_ptr(png));
    if (count > left->size()) {
        *left = {};
        png_error(png, cut_short);
    }
    std::memcpy(to, left->data(), count);
    *left = left->subspan(count);
}
}

/// libpng's two structures on a file in memory.
class PngReader {
  public:
    /// Reads up to the pixels.
    explicit PngReader(Bytes file)
        : left_(file), png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, leave_reader, warn_nothing)) {
        info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
        if (info_ == nullptr) {
            png_destroy_read_struct(&png_, &info_, nullptr);
            throw std::bad_alloc();
        }
        png_set_read_fn(png_, &left_, read_bytes);
        if (!read_header()) {
            const char* reason = why();
            png_destroy_read_struct(&png_, &info_, nullptr);
            throw Undecodable(reason);
        }
    }
    PngReader(const PngReader&) = delete;
    PngReader& operator=(const PngReader&) = delete;
    PngReader(PngReader&&) = delete;
    PngReader& operator=(PngReader&&) = delete;
    ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

    [[nodiscard]] std::int64_t width() const { return png_get_image_width(png_, info_); }
    [[nodiscard]] std::int64_t height() const { return png_get_image_height(png_, info_); }
    [[nodiscard]] int depth() const { return png_get_bit_depth(png_, info_); }
    [[nodiscard]] bool is_indexed() const { return png_get_color_type(png_, info_) == PNG_COLOR_TYPE_PALETTE; }
    [[nodiscard]] bool is_grey() const { return png_get_color_type(png_, info_) == PNG_COLOR_TYPE_GRAY; }

    /// Colours that the file does not name are black.
    [[nodiscard]] std::array<png_color, 256> colours() const {
        std::array<png_color, 256> all{};
        png_colorp given = nullptr;
        int count = 0;
        if (png_get_PLTE(png_, info_, &given, &count) != 0) {
            std::copy_n(given, std::clamp(count, 0, 256), all.begin());
        }
        return all;
    }

    /// Read all pixels, and see that the file is whole.
    /// @param as_values One byte a pixel, as it is (grey of 2 and 4 bits as 0 to 255); else RGB without alpha.
    /// @param pixels Room for height · width · bytes of a pixel.
    void read_pixels(bool as_values, std::vector<std::uint8_t>& pixels) {
        std::vector<png_bytep> rows(static_cast<std::size_t>(height()));
        const std::size_t stride = pixels.size() / rows.size();
        for (std::size_t row = 0; row < rows.size(); ++row) {
            rows[row] = pixels.data() + row * stride;
        }
        if (!prepare(as_values) || png_get_rowbytes(png_, info_) != stride || !read_rows(rows)) {
            throw Undecodable(why());
        }
    }

    /// EXIF orientation, wherever it is in the file; to be asked for once the pixels are read.
    [[nodiscard]] int orientation() const {
        png_uint_32 size = 0;
        png_bytep block = nullptr;
        return png_get_eXIf_1(png_, info_, &size, &block) == 0 ? 1 : exif_orientation({block, size});
    }

  private:
    bool read_header() {
        if (setjmp(png_jmpbuf(png_)) != 0) {  // NOLINT: libpng's way; no object with a destructor is made below
            return false;
        }
        png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
        // What else may be in a PNG, large or damaged, is nobody's business here.
        png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
        png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_AS_DEFAULT, reinterpret_cast<png_const_bytep>("eXIf"), 1);
        png_read_info(png_, info_);
        return true;
    }

    bool prepare(bool as_values) {
        if (setjmp(png_jmpbuf(png_)) != 0) {  // NOLINT: as above
            return false;
        }
        if (!as_values) {
            png_set_expand_gray_1_2_4_to_8(png_);
            png_set_strip_16(png_);
            png_set_strip_alpha(png_);
            png_set_gray_to_rgb(png_);
        } else if (is_grey() && depth() > 1) {
            png_set_expand_gray_1_2_4_to_8(png_);
        }
        png_set_packing(png_);
        png_set_interlace_handling(png_);
        png_read_update_info(png_, info_);
        return true;
    }

    bool read_rows(std::vector<png_bytep>& rows) {
        if (setjmp(png_jmpbuf(png_)) != 0) {  // NOLINT: as above
            return false;
        }
        png_read_image(png_, rows.data());
        png_read_end(png_, info_);
        return true;
    }

    [[nodiscard]] const char* why() const { return left_.empty() ? cut_short : damaged; }

    Bytes left_;
    png_structp png_;
    png_infop info_;
};

}  // namespace

StoredImage decode_png(Bytes data, const BeforePixels& before) {
    PngReader png(data);
    Image image = make_image(png.width(), png.height(), before);
    if (!png.is_indexed()) {
        png.read_pixels(false, image.pixels);
        return {std::move(image), png.orientation()};
    }
    std::vector<std::uint8_t> indices(image.pixels.size() / 3);
    png.read_pixels(true, indices);
    const auto colours = png.colours();
    std::uint8_t* to = image.pixels.data();
    for (const std::uint8_t index : indices) {
        *to++ = colours[index].red;
        *to++ = colours[index].green;
        *to++ = colours[index].blue;
    }
    return {std::move(image), png.orientation()};
}

Plane decode_mask(Bytes data) {
    PngReader png(data);
    if (!png.is_indexed() && !(png.is_grey() && png.depth() <= 8)) {
        throw Undecodable("a mask must be an indexed or 8-bit grey PNG of class ids");
    }
    check_size(png.width(), png.height());
    Plane mask{static_cast<int>(png.height()), static_cast<int>(png.width()), {}};
    mask.values.resize(static_cast<std::size_t>(png.width() * png.height()));
    png.read_pixels(true, mask.values);
    return mask;
}

}  // namespace swsss
