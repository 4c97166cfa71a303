#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "images/bytes.hpp"
#include "images/headers.hpp"
#include "images/png_reader.hpp"

namespace swsss {
namespace {

enum class Colour : std::uint8_t { grey = 0, rgb = 2, indexed = 3, grey_alpha = 4, rgb_alpha = 6 };

struct Chunk {
    std::string_view kind;
    Bytes data;
    Bytes whole;  ///< Length, kind, data and checksum.

    [[nodiscard]] bool is_sound() const {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
        return true;  // no fuzzer finds a checksum
#endif
        // In blocks, because zlib counts in 32 bits.
        uLong sum = 0;
        Bytes left = whole.subspan(4, whole.size() - 8);
        while (!left.empty()) {
            const std::size_t count = std::min<std::size_t>(left.size(), 1U << 30U);
            sum = crc32(sum, left.data(), static_cast<uInt>(count));
            left = left.subspan(count);
        }
        return sum == big_endian(whole, whole.size() - 4, 4);
    }
};

/// Reads chunk after chunk.
class Chunks {
  public:
    explicit Chunks(Bytes data) : data_(data) {}

    Chunk next() {
        const std::uint64_t length = big_endian(data_, at_, 4);
        const Bytes whole = part(data_, at_, 12 + length);
        at_ += whole.size();
        const auto* kind = reinterpret_cast<const char*>(whole.data() + 4);  // NOLINT(*-reinterpret-cast)
        return {{kind, 4}, whole.subspan(8, whole.size() - 12), whole};
    }

  private:
    Bytes data_;
    std::size_t at_ = png_signature.size();
};

void require(bool right) {
    if (!right) {
        throw Undecodable(damaged);
    }
}

/// Whether a colour type has samples of so many bits (PNG specification, 11.2.2).
bool is_depth_of(unsigned bits, Colour colour) {
    switch (colour) {
        case Colour::grey:
            return bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16;
        case Colour::indexed:
            return bits == 1 || bits == 2 || bits == 4 || bits == 8;
        case Colour::rgb:
        case Colour::grey_alpha:
        case Colour::rgb_alpha:
            return bits == 8 || bits == 16;
    }
    return false;
}

void check_header(const Chunk& header) {
    require(header.kind == "IHDR" && header.is_sound() && header.data.size() == 13);
    const Bytes ways = header.data.subspan(8);
    require(is_depth_of(ways[0], static_cast<Colour>(ways[1])) && ways[2] == 0 && ways[3] == 0 && ways[4] <= 1);
    check_size(static_cast<std::int64_t>(big_endian(header.data, 0, 4)),
               static_cast<std::int64_t>(big_endian(header.data, 4, 4)));
}

void add_number(std::vector<std::uint8_t>& file, std::size_t number) {
    for (unsigned shift = 32; shift > 0; shift -= 8) {
        file.push_back(static_cast<std::uint8_t>(number >> (shift - 8)));
    }
}

void add_chunk(std::vector<std::uint8_t>& file, std::string_view kind, Bytes data) {
    add_number(file, data.size());
    const std::size_t start = file.size();
    file.insert(file.end(), kind.begin(), kind.end());
    file.insert(file.end(), data.begin(), data.end());
    add_number(file, crc32(0, file.data() + start, static_cast<uInt>(file.size() - start)));
}

/// Entries for all indices that there can be.
std::vector<std::uint8_t> full_palette(Bytes given, unsigned bits) {
    require(!given.empty() && given.size() % 3 == 0 && given.size() <= 768);
    std::vector<std::uint8_t> palette(given.begin(), given.end());
    palette.resize(std::size_t{3} << bits);
    return palette;
}

/// What was found behind the header.
struct Found {
    std::optional<Bytes> palette;
    std::vector<Chunk> pixels;
    std::optional<int> orientation;
};

/// Look at a chunk; false when it is the last.
bool look_at(const Chunk& chunk, Found& found) {
    const bool end = chunk.kind == "IEND";
    if (chunk.kind == "IDAT") {
        require(chunk.is_sound());
        found.pixels.push_back(chunk);
    } else if (chunk.kind == "PLTE") {
        require(chunk.is_sound());
        if (!found.palette && found.pixels.empty()) {
            found.palette = chunk.data;
        }
    } else if (chunk.kind == "eXIf" && !found.orientation && chunk.is_sound()) {
        found.orientation = exif_orientation(chunk.data);
    }
    require(!end || chunk.is_sound());
    return !end;
}

}  // namespace

EssentialPng essential_png(Bytes data) {
    Chunks chunks(data);
    const Chunk header = chunks.next();
    check_header(header);
    Found found;
    while (look_at(chunks.next(), found)) {
    }
    EssentialPng essential{{png_signature.begin(), png_signature.end()}, found.orientation.value_or(1)};
    std::vector<std::uint8_t>& file = essential.file;
    file.reserve(data.size() + 1024);
    add_chunk(file, header.kind, header.data);
    if (static_cast<Colour>(header.data[9]) == Colour::indexed) {
        add_chunk(file, "PLTE", full_palette(found.palette.value_or(Bytes{}), header.data[8]));
    }
    for (const Chunk& chunk : found.pixels) {
        file.insert(file.end(), chunk.whole.begin(), chunk.whole.end());
    }
    add_chunk(file, "IEND", {});
    return essential;
}

}  // namespace swsss
