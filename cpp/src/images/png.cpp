#include "images/png.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

namespace swsss {
namespace {

enum class Colour : std::uint8_t { grey = 0, indexed = 3 };
enum class Filter : std::uint8_t { none = 0, up = 2 };

constexpr std::array<std::uint8_t, 8> signature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

using File = std::vector<std::uint8_t>;

void put_number(std::uint8_t* to, std::size_t value) {
    for (unsigned index = 0; index < 4; ++index) {
        to[index] = static_cast<std::uint8_t>(value >> (24U - 8U * index));
    }
}

void add_number(File& file, std::size_t value) {
    file.resize(file.size() + 4);
    put_number(file.data() + file.size() - 4, value);
}

/// Begin a chunk; its length is written by `end_chunk`.
std::size_t begin_chunk(File& file, std::string_view kind) {
    const std::size_t start = file.size();
    add_number(file, 0);
    file.insert(file.end(), kind.begin(), kind.end());
    return start;
}

void end_chunk(File& file, std::size_t start) {
    const std::size_t length = file.size() - start - 8;
    put_number(file.data() + start, length);
    add_number(file, crc32(0, file.data() + start + 4, static_cast<uInt>(length + 4)));
}

/// zlib's state.
struct Deflater {
    Deflater() {
        // Runs are nearly all there is to find in these maps; looking for other repeats costs several times as long.
        if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS, MAX_MEM_LEVEL - 1, Z_RLE) != Z_OK) {
            throw std::bad_alloc();
        }
    }
    Deflater(const Deflater&) = delete;
    Deflater& operator=(const Deflater&) = delete;
    Deflater(Deflater&&) = delete;
    Deflater& operator=(Deflater&&) = delete;
    ~Deflater() { deflateEnd(&stream); }

    z_stream stream{};
};

/// Append `rows`, compressed.
void add_compressed(File& file, std::vector<std::uint8_t>& rows) {
    // Kept, because what zlib allocates costs as much as a small mask.
    thread_local Deflater deflater;
    z_stream& stream = deflater.stream;
    deflateReset(&stream);
    const std::size_t start = file.size();
    file.resize(start + deflateBound(&stream, static_cast<uLong>(rows.size())));
    stream.next_in = rows.data();
    stream.avail_in = static_cast<uInt>(rows.size());
    stream.next_out = file.data() + start;
    stream.avail_out = static_cast<uInt>(file.size() - start);
    // As Python's zlib does it: all of the input first, the end after.
    deflate(&stream, Z_NO_FLUSH);
    deflate(&stream, Z_FINISH);
    file.resize(start + stream.total_out);
}

File encode(const Plane& plane, std::vector<std::uint8_t>& rows, Colour colour) {
    File file(signature.begin(), signature.end());
    file.reserve(2048 + rows.size() / 8);
    std::size_t chunk = begin_chunk(file, "IHDR");
    add_number(file, static_cast<std::size_t>(plane.width));
    add_number(file, static_cast<std::size_t>(plane.height));
    file.insert(file.end(), {8, static_cast<std::uint8_t>(colour), 0, 0, 0});
    end_chunk(file, chunk);
    if (colour == Colour::indexed) {
        chunk = begin_chunk(file, "PLTE");
        for (const auto& entry : palette()) {
            file.insert(file.end(), entry.begin(), entry.end());
        }
        end_chunk(file, chunk);
    }
    chunk = begin_chunk(file, "IDAT");
    add_compressed(file, rows);
    end_chunk(file, chunk);
    end_chunk(file, begin_chunk(file, "IEND"));
    return file;
}

std::array<std::array<std::uint8_t, 3>, 256> make_palette() {
    std::array<std::array<std::uint8_t, 3>, 256> colours{};
    for (unsigned id = 0; id < 256; ++id) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            for (unsigned channel = 0; channel < 3; ++channel) {
                colours[id][channel] |= static_cast<std::uint8_t>((id >> (3 * bit + channel) & 1U) << (7 - bit));
            }
        }
    }
    return colours;
}

}  // namespace

const std::array<std::array<std::uint8_t, 3>, 256>& palette() {
    static const auto colours = make_palette();
    return colours;
}

File encode_mask(const Plane& mask) {
    const auto width = static_cast<std::size_t>(mask.width);
    std::vector<std::uint8_t> rows;
    rows.reserve(mask.values.size() + static_cast<std::size_t>(mask.height));
    for (std::size_t at = 0; at < mask.values.size(); at += width) {
        rows.push_back(static_cast<std::uint8_t>(Filter::none));
        rows.insert(rows.end(), mask.values.begin() + static_cast<std::ptrdiff_t>(at),
                    mask.values.begin() + static_cast<std::ptrdiff_t>(at + width));
    }
    return encode(mask, rows, Colour::indexed);
}

File encode_grey(const Plane& map) {
    const auto width = static_cast<std::size_t>(map.width);
    std::vector<std::uint8_t> rows(map.values.size() + static_cast<std::size_t>(map.height));
    std::uint8_t* to = rows.data();
    for (std::size_t at = 0; at < map.values.size(); at += width) {
        *to++ = static_cast<std::uint8_t>(Filter::up);
        const std::uint8_t* line = map.values.data() + at;
        for (std::size_t column = 0; column < width; ++column) {
            *to++ = static_cast<std::uint8_t>(at == 0 ? line[column] : line[column] - (line - width)[column]);
        }
    }
    return encode(map, rows, Colour::grey);
}

}  // namespace swsss
