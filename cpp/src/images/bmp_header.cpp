#include "images/bmp_header.hpp"

#include <algorithm>
#include <cstdlib>

#include "images/bytes.hpp"

namespace swsss {
namespace {

constexpr std::uint64_t core_size = 12;
constexpr std::uint64_t info_size = 40;
constexpr std::array plain_bits{1U, 4U, 8U, 16U, 24U, 32U};

bool is_known(const BmpHeader& header) {
    switch (header.packing) {
        case BmpPacking::none:
            return std::find(plain_bits.begin(), plain_bits.end(), header.bits) != plain_bits.end();
        case BmpPacking::runs_8:
            return header.bits == 8;
        case BmpPacking::runs_4:
            return header.bits == 4;
        case BmpPacking::fields:
            return header.bits == 16 || header.bits == 32;
    }
    return false;
}

std::int64_t signed_number(Bytes data, std::size_t at) { return static_cast<std::int32_t>(little_endian(data, at, 4)); }

}  // namespace

BmpHeader read_bmp_header(Bytes data) {
    BmpHeader header;
    const std::uint64_t size = little_endian(data, 14, 4);
    std::int64_t width = 0;
    std::int64_t height = 0;
    if (size == core_size) {
        header.bits = static_cast<unsigned>(little_endian(data, 24, 2));
        width = static_cast<std::int64_t>(little_endian(data, 18, 2));
        height = static_cast<std::int64_t>(little_endian(data, 20, 2));
        header.entry = 3;
    } else if (size >= info_size) {
        header.colours = little_endian(data, 46, 4);
        width = signed_number(data, 18);
        height = signed_number(data, 22);
        header.bits = static_cast<unsigned>(little_endian(data, 28, 2));
        header.packing = static_cast<BmpPacking>(little_endian(data, 30, 4));
    }
    if (!is_known(header)) {
        throw Undecodable(damaged);
    }
    check_size(width, std::abs(height));
    header.width = static_cast<std::size_t>(width);
    header.height = static_cast<std::size_t>(std::abs(height));
    header.from_above = height < 0;
    header.palette_at = 14 + size;
    header.pixels_at = little_endian(data, 10, 4);
    return header;
}

namespace {

class Runs {
  public:
    Runs(Bytes data, const BmpHeader& header)
        : data_(data),
          at_(header.pixels_at),
          four_(header.packing == BmpPacking::runs_4),
          width_(header.width),
          height_(header.height),
          indices_(header.width * header.height) {}

    std::vector<std::uint8_t> read() {
        while (row_ + (column_ == width_ ? 1 : 0) < height_) {
            const Bytes pair = take(2);
            const std::size_t count = pair[0];
            const std::size_t code = pair[1];
            if (count > 0) {
                put(count, pair.subspan(1), 1);
            } else if (code > 2) {
                // Literal pixels come in an even number of bytes.
                const std::size_t bytes = four_ ? (code + 1) / 2 : code;
                const Bytes literal = take(bytes + bytes % 2);
                put(code, literal, literal.size());
            } else if (code == 2) {
                jump();
            } else if (code == 1) {
                break;
            } else {
                next_row();
            }
        }
        return std::move(indices_);
    }

  private:
    Bytes take(std::size_t count) {
        const Bytes taken = part(data_, at_, count);
        at_ += count;
        return taken;
    }

    void next_row() {
        ++row_;
        column_ = 0;
    }

    void jump() {
        const Bytes way = take(2);
        column_ += way[0];
        row_ += way[1];
        if (column_ > width_ || row_ > height_) {
            throw Undecodable(damaged);
        }
    }

    /// Put so many pixels out of `size` bytes, over and over.
    void put(std::size_t count, Bytes bytes, std::size_t size) {
        if (column_ == width_) {
            next_row();
        }
        if (count > width_ - column_) {
            throw Undecodable(damaged);
        }
        std::uint8_t* to = indices_.data() + row_ * width_ + column_;
        for (std::size_t index = 0; index < count; ++index) {
            const unsigned byte = bytes[(four_ ? index / 2 : index) % size];
            to[index] = static_cast<std::uint8_t>(!four_ ? byte : index % 2 == 0 ? byte >> 4U : byte & 15U);
        }
        column_ += count;
    }

    Bytes data_;
    std::size_t at_;
    bool four_;
    std::size_t width_;
    std::size_t height_;
    std::vector<std::uint8_t> indices_;
    std::size_t row_ = 0;
    std::size_t column_ = 0;
};

}  // namespace

std::vector<std::uint8_t> read_bmp_runs(Bytes data, const BmpHeader& header) { return Runs(data, header).read(); }

}  // namespace swsss
