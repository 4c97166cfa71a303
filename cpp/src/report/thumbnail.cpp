#include "report/thumbnail.hpp"

#include <cstddef>
#include <cstdio>
// Wants <cstdio> before it.
#include <jpeglib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csetjmp>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <utility>

#include "base/base64.hpp"

namespace swsss {
namespace {

constexpr double longest = 320;
constexpr int shortest = 16;
constexpr std::array<int, 3> qualities{70, 55, 40};
constexpr std::size_t most_bytes = 16'500;
constexpr std::size_t most_runs = 2000;

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

/// Where each of `to` pixels begins among `from`, and where the last one ends; none is empty.
std::vector<std::size_t> edges(int from, int to) {
    std::vector<std::size_t> all;
    for (std::int64_t place = 0; place <= to; ++place) {
        all.push_back(static_cast<std::size_t>(place * from / to));
    }
    return all;
}

/// Every second pixel of every second row.
template <std::size_t Channels>
std::vector<std::uint8_t> halved(const std::vector<std::uint8_t>& from, int height, int width) {
    std::vector<std::uint8_t> half;
    const auto columns = static_cast<std::size_t>(width);
    for (std::size_t row = 0; row < static_cast<std::size_t>(height); row += 2) {
        for (std::size_t column = 0; column < columns; column += 2) {
            const std::uint8_t* pixel = from.data() + Channels * (row * columns + column);
            half.insert(half.end(), pixel, pixel + Channels);
        }
    }
    return half;
}

}  // namespace

ThumbnailSize::ThumbnailSize(int full_height, int full_width) {
    const double scale = std::min(1.0, longest / std::max(full_height, full_width));
    height = std::max(shortest, static_cast<int>(std::lrint(full_height * scale)));
    width = std::max(shortest, static_cast<int>(std::lrint(full_width * scale)));
}

Image reduced(const Image& image, ThumbnailSize size) {
    const auto rows = edges(image.height, size.height);
    const auto columns = edges(image.width, size.width);
    const auto stride = static_cast<std::size_t>(image.width);
    Image small{size.height, size.width, {}};
    small.pixels.reserve(3 * (rows.size() - 1) * (columns.size() - 1));
    for (std::size_t row = 0; row + 1 < rows.size(); ++row) {
        for (std::size_t column = 0; column + 1 < columns.size(); ++column) {
            std::array<std::size_t, 3> sums{};
            const std::size_t bottom = std::max(rows[row] + 1, rows[row + 1]);
            const std::size_t right = std::max(columns[column] + 1, columns[column + 1]);
            for (std::size_t y = rows[row]; y < bottom; ++y) {
                const std::uint8_t* pixel = image.pixels.data() + 3 * (y * stride + columns[column]);
                for (std::size_t x = columns[column]; x < right; ++x, pixel += 3) {
                    sums[0] += pixel[0];
                    sums[1] += pixel[1];
                    sums[2] += pixel[2];
                }
            }
            const std::size_t count = (bottom - rows[row]) * (right - columns[column]);
            for (const std::size_t sum : sums) {
                small.pixels.push_back(static_cast<std::uint8_t>((sum + count / 2) / count));
            }
        }
    }
    return small;
}

Plane reduced(const Plane& mask, ThumbnailSize size) {
    const auto rows = edges(mask.height, size.height);
    const auto columns = edges(mask.width, size.width);
    Plane small{size.height, size.width, {}};
    for (std::size_t row = 0; row + 1 < rows.size(); ++row) {
        for (std::size_t column = 0; column + 1 < columns.size(); ++column) {
            small.values.push_back(mask.values[rows[row] * static_cast<std::size_t>(mask.width) + columns[column]]);
        }
    }
    return small;
}

std::string data_uri(Image image) {
    while (true) {
        for (const int quality : qualities) {
            const std::vector<std::uint8_t> data = encode_jpeg(image, quality);
            if (data.size() <= most_bytes) {
                return "data:image/jpeg;base64," + encode_base64(data);
            }
        }
        image = {(image.height + 1) / 2, (image.width + 1) / 2, halved<3>(image.pixels, image.height, image.width)};
    }
}

Runs runs_of(Plane mask) {
    Runs runs{mask.height, mask.width, {}};
    for (const std::uint8_t id : mask.values) {
        if (runs.values.empty() || runs.values[runs.values.size() - 2] != id) {
            runs.values.insert(runs.values.end(), {id, 0});
        }
        ++runs.values.back();
    }
    if (runs.values.size() <= 2 * most_runs) {
        return runs;
    }
    return runs_of({(mask.height + 1) / 2, (mask.width + 1) / 2, halved<1>(mask.values, mask.height, mask.width)});
}

}  // namespace swsss
