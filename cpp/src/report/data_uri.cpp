#include "report/data_uri.hpp"

#include <sodium.h>

#include <cstddef>
#include <cstdio>
// Wants <cstdio> before it.
#include <jpeglib.h>

#include <array>
#include <csetjmp>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace swsss {
namespace {

constexpr std::array<int, 3> qualities{70, 55, 40};
constexpr std::size_t most_bytes = 16'500;

/// An encoder and what it needs; plain data, because errors of libjpeg jump over what follows.
struct Encoder {
    jpeg_compress_struct base;
    jpeg_error_mgr errors;
    std::jmp_buf jump;
    unsigned char* data;
    unsigned long size;  // NOLINT(*-runtime-int): libjpeg's
};

extern "C" {
[[noreturn]] static void leave(j_common_ptr encoder) {
    std::longjmp(static_cast<Encoder*>(encoder->client_data)->jump, 1);  // NOLINT: libjpeg's way
}
static void say_nothing(j_common_ptr /*encoder*/) {}
}

/// Encode into `encoder.data`; false when it cannot be done.
bool encode_into(Encoder& encoder, const Image& image, int quality) {
    if (setjmp(encoder.jump) != 0) {  // NOLINT: libjpeg's way; no object with a destructor is made below
        return false;
    }
    jpeg_compress_struct& base = encoder.base;
    base.err = jpeg_std_error(&encoder.errors);
    base.client_data = &encoder;
    encoder.errors.error_exit = leave;
    encoder.errors.output_message = say_nothing;
    jpeg_create_compress(&base);
    jpeg_mem_dest(&base, &encoder.data, &encoder.size);
    base.image_width = static_cast<JDIMENSION>(image.width);
    base.image_height = static_cast<JDIMENSION>(image.height);
    base.input_components = 3;
    base.in_color_space = JCS_RGB;
    jpeg_set_defaults(&base);
    jpeg_set_quality(&base, quality, TRUE);
    jpeg_start_compress(&base, TRUE);
    const std::size_t stride = std::size_t{3} * base.image_width;
    while (base.next_scanline < base.image_height) {
        // libjpeg only reads it.
        auto* row = const_cast<JSAMPROW>(image.pixels.data() + stride * base.next_scanline);  // NOLINT(*-const-cast)
        jpeg_write_scanlines(&base, &row, 1);
    }
    jpeg_finish_compress(&base);
    return true;
}

/// Every second pixel of every second row.
Image halved(const Image& image) {
    Image half{(image.height + 1) / 2, (image.width + 1) / 2, {}};
    const auto width = static_cast<std::size_t>(image.width);
    for (std::size_t y = 0; y < static_cast<std::size_t>(image.height); y += 2) {
        for (std::size_t x = 0; x < width; x += 2) {
            const std::uint8_t* pixel = image.pixels.data() + 3 * (y * width + x);
            half.pixels.insert(half.pixels.end(), pixel, pixel + 3);
        }
    }
    return half;
}

std::string base64(const std::vector<std::uint8_t>& data) {
    std::string text(sodium_base64_ENCODED_LEN(data.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(text.data(), text.size(), data.data(), data.size(), sodium_base64_VARIANT_ORIGINAL);
    text.pop_back();  // a NUL
    return text;
}

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
    Encoder encoder{};
    const bool done = encode_into(encoder, image, quality);
    jpeg_destroy_compress(&encoder.base);
    if (!done) {
        // After an error `data` need not be the buffer that is in use.
        throw std::runtime_error("libjpeg cannot encode a picture of the report");
    }
    const std::unique_ptr<unsigned char, decltype(&std::free)> data(encoder.data, std::free);
    return {data.get(), data.get() + encoder.size};
}

std::string data_uri(Image image) {
    while (true) {
        for (const int quality : qualities) {
            const std::vector<std::uint8_t> data = encode_jpeg(image, quality);
            if (data.size() <= most_bytes) {
                return "data:image/jpeg;base64," + base64(data);
            }
        }
        image = halved(image);
    }
}

}  // namespace swsss
