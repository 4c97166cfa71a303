#include <cstdio>
// Wants <cstdio> before it.
#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <memory>
#include <vector>

#include "images/decoders.hpp"

namespace swsss {
namespace {

constexpr int exif_marker = JPEG_APP0 + 1;

/// Errors of libjpeg come back to where `jump` was set; nothing is printed.
struct Errors {
    jpeg_error_mgr base;
    std::jmp_buf jump;
};

extern "C" {
[[noreturn]] static void leave(j_common_ptr decoder) {
    std::longjmp(reinterpret_cast<Errors*>(decoder->err)->jump, 1);  // NOLINT: libjpeg's way
}
static void say_nothing(j_common_ptr /*decoder*/) {}
static void emit_nothing(j_common_ptr decoder, int level) {
    if (level < 0) {
        ++decoder->err->num_warnings;
    }
}
static void source_nothing(j_decompress_ptr /*decoder*/) {}
/// All of the file was there from the start: asked for more, the decoder stops.
static boolean no_more(j_decompress_ptr decoder) {
    *static_cast<bool*>(decoder->client_data) = true;
    return FALSE;
}
static void skip(j_decompress_ptr decoder, long count) {
    jpeg_source_mgr& source = *decoder->src;
    const std::size_t left = source.bytes_in_buffer;
    const std::size_t wanted = count > 0 ? static_cast<std::size_t>(count) : 0;
    const std::size_t done = wanted < left ? wanted : left;
    source.next_input_byte += done;
    source.bytes_in_buffer -= done;
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

/// A decoder and what it needs; plain data, because errors jump over what follows.
struct Decoder {
    jpeg_decompress_struct base;
    jpeg_source_mgr source;
    Errors errors;
    bool ended;  ///< Whether more was asked for than there is.
};

void start(Decoder& decoder, Bytes data) {
    decoder.base.err = jpeg_std_error(&decoder.errors.base);
    decoder.errors.base.error_exit = leave;
    decoder.errors.base.output_message = say_nothing;
    decoder.errors.base.emit_message = emit_nothing;
    decoder.base.client_data = &decoder.ended;
    jpeg_create_decompress(&decoder.base);
    decoder.source = {};
    decoder.source.next_input_byte = data.data();
    decoder.source.bytes_in_buffer = data.size();
    decoder.source.init_source = source_nothing;
    decoder.source.fill_input_buffer = no_more;
    decoder.source.skip_input_data = skip;
    decoder.source.resync_to_restart = jpeg_resync_to_restart;
    decoder.source.term_source = source_nothing;
    decoder.base.src = &decoder.source;
}

/// Read what stands before the pixels; false when it cannot be done.
bool read_header(Decoder& decoder, Bytes data) {
    if (setjmp(decoder.errors.jump) != 0) {  // NOLINT: libjpeg's way; no object with a destructor is made below
        return false;
    }
    start(decoder, data);
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
    if (setjmp(decoder.errors.jump) != 0) {  // NOLINT: as above
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

StoredImage decode_jpeg(Bytes data) {
    Decoder decoder{};
    const auto release = [](Decoder* used) { jpeg_destroy_decompress(&used->base); };
    const std::unique_ptr<Decoder, decltype(release)> released(&decoder, release);
    if (!read_header(decoder, data)) {
        throw Undecodable(decoder.ended ? cut_short : damaged);
    }
    StoredImage stored{make_image(decoder.base.image_width, decoder.base.image_height), orientation_of(decoder.base)};
    std::vector<JSAMPLE> row(std::size_t{4} * static_cast<std::size_t>(stored.image.width));
    if (!read_pixels(decoder, stored.image, row)) {
        throw Undecodable(decoder.ended ? cut_short : damaged);
    }
    return stored;
}

}  // namespace swsss
