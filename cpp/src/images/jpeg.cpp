#include <cstdio>
// Wants <cstdio> before it.
#include <jpeglib.h>
// Wants jpeglib.h before it.
#include <jerror.h>

#include <algorithm>
#include <csetjmp>
#include <memory>
#include <vector>

#include "images/decoders.hpp"

namespace swsss {
namespace {

constexpr int exif_marker = JPEG_APP0 + 1;

/// A decoder and what it needs; plain data, because errors of libjpeg jump over what follows.
struct Decoder {
    jpeg_decompress_struct base;
    jpeg_error_mgr errors;
    std::jmp_buf jump;
    bool cut_short;  ///< Whether the file ended before its picture.
};

extern "C" {
[[noreturn]] static void leave(j_common_ptr decoder) {
    std::longjmp(static_cast<Decoder*>(decoder->client_data)->jump, 1);  // NOLINT: libjpeg's way
}
static void say_nothing(j_common_ptr /*decoder*/) {}
/// Nothing is printed. Where the file ends, libjpeg only warns, and makes the rest grey.
static void look_at_warning(j_common_ptr decoder, int level) {
    if (level < 0 && decoder->err->msg_code == JWRN_JPEG_EOF) {
        static_cast<Decoder*>(decoder->client_data)->cut_short = true;
        leave(decoder);
    }
}
}

/// From inverted CMYK, as Adobe writes it, to RGB; in OpenCV's rounding.
void cmyk_to_rgb(const JSAMPLE* from, std::uint8_t* to, int width) {
    for (int column = 0; column < width; ++column, from += 4, to += 3) {
        const int black = from[3];
        for (int channel = 0; channel < 3; ++channel) {
            to[channel] = static_cast<std::uint8_t>(black - ((255 - from[channel]) * black >> 8));
        }
    }
}

/// Read what stands before the pixels; false when it cannot be done.
bool read_header(Decoder& decoder, Bytes data) {
    if (setjmp(decoder.jump) != 0) {  // NOLINT: libjpeg's way; no object with a destructor is made below
        return false;
    }
    decoder.base.err = jpeg_std_error(&decoder.errors);
    decoder.base.client_data = &decoder;
    decoder.errors.error_exit = leave;
    decoder.errors.output_message = say_nothing;
    decoder.errors.emit_message = look_at_warning;
    jpeg_create_decompress(&decoder.base);
    jpeg_mem_src(&decoder.base, data.data(), static_cast<unsigned long>(data.size()));
    jpeg_save_markers(&decoder.base, exif_marker, 0xFFFF);
    return jpeg_read_header(&decoder.base, TRUE) == JPEG_HEADER_OK;
}

/// The orientation in the first EXIF block.
int orientation_of(const jpeg_decompress_struct& base) {
    for (jpeg_saved_marker_ptr marker = base.marker_list; marker != nullptr; marker = marker->next) {
        if (marker->data_length >= 6 && std::equal(marker->data, marker->data + 6, "Exif\0")) {
            return exif_orientation({marker->data, marker->data_length});
        }
    }
    return 1;
}

/// Decode into `image`; false when it cannot be done. `row` holds a line of CMYK.
bool read_pixels(Decoder& decoder, Image& image, std::vector<JSAMPLE>& row) {
    if (setjmp(decoder.jump) != 0) {  // NOLINT: as above
        return false;
    }
    jpeg_decompress_struct& base = decoder.base;
    const bool cmyk = base.num_components == 4;
    base.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    if (jpeg_start_decompress(&base) == FALSE) {
        return false;
    }
    const std::size_t stride = std::size_t{3} * base.output_width;
    while (base.output_scanline < base.output_height) {
        JSAMPROW to = image.pixels.data() + stride * base.output_scanline;
        JSAMPROW line = cmyk ? row.data() : to;
        if (jpeg_read_scanlines(&base, &line, 1) != 1) {
            return false;
        }
        if (cmyk) {
            cmyk_to_rgb(row.data(), to, image.width);
        }
    }
    // Only the marker that ends a JPEG tells a whole file from one cut short.
    return jpeg_finish_decompress(&base) != FALSE;
}

}  // namespace

StoredImage decode_jpeg(Bytes data, const BeforePixels& before) {
    Decoder decoder{};
    const auto release = [](Decoder* used) { jpeg_destroy_decompress(&used->base); };
    const std::unique_ptr<Decoder, decltype(release)> released(&decoder, release);
    if (!read_header(decoder, data)) {
        throw Undecodable(decoder.cut_short ? cut_short : damaged);
    }
    StoredImage stored{make_image(decoder.base.image_width, decoder.base.image_height, before),
                       orientation_of(decoder.base)};
    std::vector<JSAMPLE> row(std::size_t{4} * static_cast<std::size_t>(stored.image.width));
    if (!read_pixels(decoder, stored.image, row)) {
        throw Undecodable(decoder.cut_short ? cut_short : damaged);
    }
    return stored;
}

}  // namespace swsss
