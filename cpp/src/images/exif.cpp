#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "images/decoders.hpp"

namespace swsss {
namespace {

constexpr std::array<std::uint8_t, 6> exif_name{'E', 'x', 'i', 'f', 0, 0};

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

int exif_orientation(Bytes block) {
    if (block.size() >= exif_name.size() && std::equal(exif_name.begin(), exif_name.end(), block.begin())) {
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
