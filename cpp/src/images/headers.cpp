#include "images/headers.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

namespace swsss {
namespace {

constexpr std::uint8_t start_of_scan = 0xDA;
constexpr std::uint8_t exif_marker = 0xE1;
constexpr std::uint8_t lossless = 0xC3;
constexpr std::size_t shortest = 10;  // bytes of a start of scan and the end behind it
constexpr std::array<std::uint8_t, 6> exif_name{'E', 'x', 'i', 'f', 0, 0};

/// SOF0 to SOF15; three of these codes mean something else.
bool is_frame(std::uint8_t marker) {
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/// Whether no length follows.
bool is_bare(std::uint8_t marker) { return marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD8); }

unsigned big_endian_16(Bytes data, std::size_t at) { return static_cast<unsigned>(data[at] << 8U) | data[at + 1]; }

bool begins_with_exif(Bytes data) {
    return data.size() >= exif_name.size() && std::equal(exif_name.begin(), exif_name.end(), data.begin());
}

bool has_end(Bytes data) {
    static constexpr std::array<std::uint8_t, 2> end{0xFF, 0xD9};
    return std::search(data.begin(), data.end(), end.begin(), end.end()) != data.end();
}

/// Reads numbers of the block's byte order; none beyond its end.
class ExifReader {
  public:
    explicit ExifReader(Bytes block)
        : block_(block), little_(block.size() >= 2 && block[0] == 'I' && block[1] == 'I') {}

    [[nodiscard]] std::optional<std::uint32_t> number(std::size_t at, std::size_t size) const {
        if (at > block_.size() || size > block_.size() - at) {
            return std::nullopt;
        }
        std::uint32_t value = 0;
        for (std::size_t index = 0; index < size; ++index) {
            value = value << 8U | block_[little_ ? at + size - 1 - index : at + index];
        }
        return value;
    }

  private:
    Bytes block_;
    bool little_;
};

}  // namespace

JpegHeader read_jpeg_header(Bytes data) {
    JpegHeader header;
    std::optional<int> orientation;
    std::size_t at = 2;
    while (at < data.size()) {
        at = static_cast<std::size_t>(
            std::find(data.begin() + static_cast<std::ptrdiff_t>(at), data.end(), std::uint8_t{0xFF}) - data.begin());
        if (at + shortest > data.size()) {
            break;
        }
        const std::uint8_t marker = data[at + 1];
        const std::size_t length = big_endian_16(data, at + 2);
        if (marker == start_of_scan) {
            if (!has_end(data.subspan(at))) {
                break;
            }
            header.orientation = orientation.value_or(1);
            return header;
        }
        if (marker == lossless) {
            throw Undecodable(damaged);  // only the newest libjpeg-turbo decodes them
        }
        if (is_frame(marker)) {
            header.height = static_cast<int>(big_endian_16(data, at + 5));
            header.width = static_cast<int>(big_endian_16(data, at + 7));
        } else if (marker == exif_marker && !orientation && begins_with_exif(data.subspan(at + 4))) {
            const std::size_t end = std::min(data.size(), at + 2 + length);
            orientation = exif_orientation(data.subspan(at + 4, end > at + 4 ? end - at - 4 : 0));
        }
        at += marker == 0xFF ? 1 : is_bare(marker) ? 2 : 2 + length;
    }
    throw Undecodable(cut_short);
}

int exif_orientation(Bytes block) {
    if (begins_with_exif(block)) {
        block = block.subspan(exif_name.size());
    }
    const ExifReader reader(block);
    const auto start = reader.number(4, 4);
    const auto count = start ? reader.number(*start, 2) : std::nullopt;
    for (std::size_t index = 0; index < count.value_or(0); ++index) {
        const std::size_t entry = std::size_t{*start} + 2 + 12 * index;
        const auto tag = reader.number(entry, 2);
        const auto kind = reader.number(entry + 2, 2);
        if (!kind) {
            return 1;
        }
        if (*tag == 0x0112) {
            const auto value = reader.number(entry + 8, *kind == 4 ? 4 : 2).value_or(1);
            return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
        }
    }
    return 1;
}

}  // namespace swsss
