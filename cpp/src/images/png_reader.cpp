#include "images/png_reader.hpp"

#include <zlib.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <new>

namespace swsss {
namespace {

constexpr std::size_t signature_size = 8;
constexpr std::array<std::uint8_t, 8> end_of_file{'I', 'E', 'N', 'D', 0xAE, 0x42, 0x60, 0x82};

std::uint32_t number_at(Bytes data, std::size_t at) {
    return static_cast<std::uint32_t>(data[at]) << 24U | static_cast<std::uint32_t>(data[at + 1]) << 16U |
           static_cast<std::uint32_t>(data[at + 2]) << 8U | data[at + 3];
}

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

PngReader::PngReader(Bytes data)
    : left_(data),
      png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, leave_reader, warn_nothing)),
      info_(png_ == nullptr ? nullptr : png_create_info_struct(png_)) {
    if (info_ == nullptr) {
        png_destroy_read_struct(&png_, &info_, nullptr);
        throw std::bad_alloc();
    }
    png_set_read_fn(png_, &left_, read_bytes);
}

PngReader::~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

bool PngReader::read_header() {
    if (setjmp(png_jmpbuf(png_)) != 0) {  // NOLINT: libpng's way; no object with a destructor is made below
        return false;
    }
    png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_read_info(png_, info_);
    return true;
}

bool PngReader::ask_for_values() {
    if (setjmp(png_jmpbuf(png_)) != 0) {  // NOLINT: as above
        return false;
    }
    if (colour_type() == PNG_COLOR_TYPE_GRAY && depth() > 1) {
        png_set_expand_gray_1_2_4_to_8(png_);
    }
    png_set_packing(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
}

bool PngReader::read_pixels(std::vector<std::uint8_t>& pixels) {
    std::vector<png_bytep> rows(static_cast<std::size_t>(height()));
    const std::size_t stride = png_get_rowbytes(png_, info_);
    if (stride * rows.size() != pixels.size()) {
        return false;
    }
    for (std::size_t row = 0; row < rows.size(); ++row) {
        rows[row] = pixels.data() + row * stride;
    }
    return read_rows(rows);
}

bool PngReader::read_rows(std::vector<png_bytep>& rows) {
    if (setjmp(png_jmpbuf(png_)) != 0) {  // NOLINT: as above
        return false;
    }
    png_read_image(png_, rows.data());
    return true;
}

bool is_sound_png(Bytes data) {
    // Only as far as everybody looks at checksums: the pixels have one of their own.
    for (std::size_t at = signature_size; at + 12 <= data.size();) {
        const std::size_t length = number_at(data, at);
        const std::uint8_t* name = data.data() + at + 4;
        if (std::memcmp(name, "IDAT", 4) == 0) {
            return true;
        }
        if (length > data.size() - at - 12 ||
            crc32(0, name, static_cast<uInt>(length + 4)) != number_at(data, at + 8 + length)) {
            return false;
        }
        at += 12 + length;
    }
    return false;
}

bool is_whole_png(Bytes data) {
    return std::search(data.begin(), data.end(), end_of_file.begin(), end_of_file.end()) != data.end();
}

}  // namespace swsss
