#include "images/png_reader.hpp"

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <new>

namespace swsss {
namespace {

extern "C" {
[[noreturn]] static void leave_reader(png_structp png, png_const_charp /*message*/) { png_longjmp(png, 1); }
static void warn_nothing(png_structp /*png*/, png_const_charp /*message*/) {}
static void read_bytes(png_structp png, png_bytep to, std::size_t count) {
    auto* left = static_cast<Bytes*>(png_get_io_ptr(png));
    if (count > left->size()) {
        png_error(png, "cut short");
    }
    std::memcpy(to, left->data(), count);
    *left = left->subspan(count);
}
}

}  // namespace

PngReader::PngReader(Bytes file)
    : left_(file),
      png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, leave_reader, warn_nothing)),
      info_(png_ == nullptr ? nullptr : png_create_info_struct(png_)) {
    if (info_ == nullptr) {
        png_destroy_read_struct(&png_, &info_, nullptr);
        throw std::bad_alloc();
    }
    png_set_read_fn(png_, &left_, read_bytes);
    if (!read_header()) {
        png_destroy_read_struct(&png_, &info_, nullptr);
        throw Undecodable(damaged);
    }
}

PngReader::~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

bool PngReader::read_header() {
    if (setjmp(png_jmpbuf(png_)) != 0) {  // NOLINT: libpng's way; no object with a destructor is made below
        return false;
    }
    png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);  // `essential_png` has looked at checksums
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_read_info(png_, info_);
    return true;
}

bool PngReader::prepare(Kind kind) {
    if (setjmp(png_jmpbuf(png_)) != 0) {  // NOLINT: as above
        return false;
    }
    if (kind == Kind::rgb) {
        png_set_expand_gray_1_2_4_to_8(png_);
        png_set_strip_16(png_);
        png_set_strip_alpha(png_);
        png_set_gray_to_rgb(png_);
    } else if (colour_type() == PNG_COLOR_TYPE_GRAY && depth() > 1) {
        png_set_expand_gray_1_2_4_to_8(png_);
    }
    png_set_packing(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
}

void PngReader::read_pixels(Kind kind, std::vector<std::uint8_t>& pixels) {
    std::vector<png_bytep> rows(static_cast<std::size_t>(height()));
    const bool prepared = prepare(kind);
    const std::size_t stride = png_get_rowbytes(png_, info_);
    if (!prepared || stride * rows.size() != pixels.size()) {
        throw Undecodable(damaged);
    }
    for (std::size_t row = 0; row < rows.size(); ++row) {
        rows[row] = pixels.data() + row * stride;
    }
    if (!read_rows(rows)) {
        throw Undecodable(damaged);
    }
}

bool PngReader::read_rows(std::vector<png_bytep>& rows) {
    if (setjmp(png_jmpbuf(png_)) != 0) {  // NOLINT: as above
        return false;
    }
    png_read_image(png_, rows.data());
    return true;
}

std::array<png_color, 256> PngReader::colours() const {
    std::array<png_color, 256> all{};
    png_colorp given = nullptr;
    int count = 0;
    if (png_get_PLTE(png_, info_, &given, &count) != 0) {
        std::copy_n(given, std::clamp(count, 0, 256), all.begin());
    }
    return all;
}

}  // namespace swsss
