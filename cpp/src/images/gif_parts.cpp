#include "images/gif_parts.hpp"

#include <algorithm>

#include "images/bytes.hpp"

namespace swsss {
namespace {

/// Reads from the beginning on; the end may not come first.
class Blocks {
  public:
    explicit Blocks(Bytes data) : data_(data) {}

    Bytes take(std::size_t count) {
        const Bytes taken = part(data_, at_, count);
        at_ += count;
        return taken;
    }

    std::uint8_t byte() { return take(1).front(); }
    std::size_t number() { return static_cast<std::size_t>(little_endian(take(2), 0, 2)); }

    /// A palette, when the flags before it say that there is one.
    Bytes palette(unsigned flags) { return take((flags & 0x80U) != 0 ? std::size_t{6} << (flags & 7U) : 0); }

    /// The next block, which says how long it is; an empty one is the last.
    Bytes block() { return take(byte()); }

  private:
    Bytes data_;
    std::size_t at_ = 0;
};

/// Read an extension up to its end; the transparent colour, when it says one.
void read_extension(Blocks& file, std::uint8_t& transparent) {
    const bool control = file.byte() == 0xF9;
    Bytes block = file.block();
    if (control && block.size() >= 4 && (block[0] & 1U) != 0) {
        transparent = block[3];
    }
    while (!block.empty()) {
        block = file.block();
    }
}

std::uint8_t skip_to_picture(Blocks& file) {
    std::uint8_t transparent = 0;
    for (std::uint8_t mark = file.byte(); mark != ','; mark = file.byte()) {
        if (mark == ';') {
            throw Undecodable(damaged);
        }
        if (mark == '!') {
            read_extension(file, transparent);
        }
    }
    return transparent;
}

void fill_palette(Bytes colours, GifParts& parts) {
    for (std::size_t index = 0; index < parts.palette.size(); ++index) {
        const auto grey = static_cast<std::uint8_t>(index);
        if (colours.empty()) {
            parts.palette[index] = {grey, grey, grey};
        } else if (3 * index < colours.size()) {
            std::copy_n(colours.begin() + static_cast<std::ptrdiff_t>(3 * index), 3, parts.palette[index].begin());
        }
    }
}

}  // namespace

GifParts read_gif_parts(Bytes data) {
    Blocks file(data);
    file.take(6);
    GifParts parts;
    parts.screen_width = file.number();
    parts.screen_height = file.number();
    const unsigned screen_flags = file.take(3).front();
    const Bytes common = file.palette(screen_flags);
    parts.transparent = skip_to_picture(file);
    parts.left = file.number();
    parts.top = file.number();
    parts.width = file.number();
    parts.height = file.number();
    const unsigned flags = file.byte();
    const Bytes own = file.palette(flags);
    parts.interlaced = (flags & 0x40U) != 0;
    parts.bits = file.byte();
    for (Bytes block = file.block(); !block.empty(); block = file.block()) {
        parts.packed.insert(parts.packed.end(), block.begin(), block.end());
    }
    if (parts.width == 0 || parts.height == 0 || parts.bits < 1 || parts.bits > 8) {
        throw Undecodable(damaged);
    }
    fill_palette(own.empty() ? common : own, parts);
    parts.screen_width = std::max(parts.screen_width, parts.left + parts.width);
    parts.screen_height = std::max(parts.screen_height, parts.top + parts.height);
    return parts;
}

}  // namespace swsss
