#include "formats/brush.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace swsss {
namespace {

constexpr std::int64_t channels = 4;  // a brush is stored as RGBA
constexpr std::array<unsigned, 4> length_bits{3, 4, 8, 16};
constexpr std::int64_t longest = std::int64_t{1} << length_bits.back();

/// Bits, the highest first, that fill bytes.
class Bits {
  public:
    /// @param width At most 32.
    void add(std::uint64_t value, unsigned width) {
        waiting_ = waiting_ << width | value;
        count_ += width;
        while (count_ >= 8) {
            count_ -= 8;
            bytes_.push_back(static_cast<std::uint8_t>(waiting_ >> count_));
        }
    }

    [[nodiscard]] std::vector<std::uint8_t> finish() {
        if (count_ > 0) {
            add(0, 8 - count_);
        }
        return std::move(bytes_);
    }

  private:
    std::vector<std::uint8_t> bytes_;
    std::uint64_t waiting_ = 0;  // its lowest `count_` bits; those above were written
    unsigned count_ = 0;
};

void add_run(Bits& bits, std::int64_t length, std::uint64_t byte) {
    std::size_t kind = 0;
    while (length > std::int64_t{1} << length_bits[kind]) {
        ++kind;
    }
    bits.add(4 + kind, 3);
    bits.add(static_cast<std::uint64_t>(length - 1), length_bits[kind]);
    bits.add(byte, 8);
}

}  // namespace

std::vector<std::uint8_t> pack_brush(const std::vector<std::int64_t>& lengths) {
    Bits bits;
    bits.add(static_cast<std::uint64_t>(channels * std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0})),
             32);
    bits.add(8 - 1, 5);
    for (const unsigned width : length_bits) {
        bits.add(width - 1, 4);
    }
    std::uint64_t byte = 0;
    for (const std::int64_t length : lengths) {
        for (std::int64_t left = channels * length; left > 0; left -= longest) {
            add_run(bits, std::min(left, longest), byte);
        }
        byte ^= 0xFFU;
    }
    return bits.finish();
}

}  // namespace swsss
