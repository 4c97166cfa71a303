#include "images/tiff_header.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "images/bytes.hpp"

namespace swsss {
namespace {

enum class Tag : std::uint16_t {
    width = 256,
    height = 257,
    bits = 258,
    packing = 259,
    photometric = 262,
    orientation = 274,
    samples = 277,
    rows = 278,
    tile_width = 322,
    tile_height = 323,
    extra = 338,
    format = 339,
};

constexpr std::uint8_t private_tag[2] = {65000 >> 8, 65000 & 255};  // NOLINT(*-avoid-c-arrays)

/// The first directory: numbers by tag. Nothing in it is trusted.
class Directory {
  public:
    explicit Directory(Bytes data) : data_(data), little_(data[0] == 'I'), big_(number(2, 2) == 43) {
        const std::uint64_t start = big_ ? number(8, 8) : number(4, 4);
        const std::uint64_t count = number(start, big_ ? 8 : 2);
        first_ = start + (big_ ? 8 : 2);
        if (count > (data.size() - first_) / entry_size()) {
            throw Undecodable(cut_short);
        }
        count_ = static_cast<std::size_t>(count);
    }

    /// The first number of a tag.
    [[nodiscard]] std::uint64_t value(Tag tag, std::uint64_t otherwise) const {
        const auto places = all(tag);
        if (places.empty()) {
            return otherwise;
        }
        std::uint64_t at = places.front();
        const std::size_t size = size_of(number(at + 2, 2));
        const std::uint64_t count = number(at + 4, word());
        if (size == 0 || count == 0) {
            throw Undecodable(damaged);
        }
        at += 4 + word();
        return number(count > word() / size ? number(at, word()) : at, size);
    }

    /// Where a tag stands.
    [[nodiscard]] std::vector<std::size_t> all(Tag tag) const {
        std::vector<std::size_t> places;
        for (std::size_t index = 0; index < count_; ++index) {
            const std::uint64_t at = first_ + index * entry_size();
            if (number(at, 2) == static_cast<std::uint64_t>(tag)) {
                places.push_back(static_cast<std::size_t>(at));
            }
        }
        return places;
    }

  private:
    [[nodiscard]] std::size_t word() const { return big_ ? 8 : 4; }
    [[nodiscard]] std::size_t entry_size() const { return 4 + 2 * word(); }
    [[nodiscard]] std::uint64_t number(std::uint64_t at, std::size_t size) const {
        return little_ ? little_endian(data_, at, size) : big_endian(data_, at, size);
    }

    /// Bytes of a number; 0 for what is none.
    static std::size_t size_of(std::uint64_t type) {
        return type == 1 ? 1 : type == 3 ? 2 : type == 4 ? 4 : type == 16 ? 8 : 0;
    }

    Bytes data_;
    bool little_;
    bool big_;
    std::uint64_t first_ = 0;
    std::size_t count_ = 0;
};

template <std::size_t Size>
bool is_one_of(std::uint64_t value, const std::array<std::uint64_t, Size>& values) {
    return std::find(values.begin(), values.end(), value) != values.end();
}

/// Whether so many samples of a pixel, and bits of a sample, are decoded.
bool is_known_kind(const Directory& directory) {
    static constexpr std::array<std::uint64_t, 3> grey{1, 8, 16};
    static constexpr std::array<std::uint64_t, 3> indexed{1, 4, 8};
    const std::uint64_t kind = directory.value(Tag::photometric, std::numeric_limits<std::uint64_t>::max());
    const std::uint64_t samples = directory.value(Tag::samples, 1);
    const auto bits = [&] { return directory.value(Tag::bits, 1); };
    switch (kind) {
        case 0:
        case 1:
            return (samples == 1 || samples == 2) && is_one_of(bits(), grey);
        case 2:
            return (samples == 3 || samples == 4) && (bits() == 8 || bits() == 16);
        case 3:
            return samples == 1 && is_one_of(bits(), indexed);
        case 5:
            return samples == 4 && bits() == 8;
        case 6:
            return samples == 3 && bits() == 8;
        default:
            return false;
    }
}

bool is_known(const Directory& directory) {
    // None, CCITT, LZW, JPEG, deflate, PackBits, deflate as it once was.
    static constexpr std::array<std::uint64_t, 9> packings{1, 2, 3, 4, 5, 7, 8, 32773, 32946};
    static constexpr std::array<std::uint64_t, 2> whole_numbers{1, 2};
    return is_known_kind(directory) && is_one_of(directory.value(Tag::packing, 1), packings) &&
           is_one_of(directory.value(Tag::format, 1), whole_numbers);
}

std::int64_t length(std::uint64_t value) {
    return static_cast<std::int64_t>(std::min<std::uint64_t>(value, std::numeric_limits<std::int64_t>::max()));
}

}  // namespace

TiffHeader read_tiff_header(Bytes data) {
    const Directory directory(data);
    const std::uint64_t width = directory.value(Tag::width, 0);
    const std::uint64_t height = directory.value(Tag::height, 0);
    check_size(length(width), length(height));
    const std::uint64_t tile_width = directory.value(Tag::tile_width, 1);
    check_size(length(tile_width), length(directory.value(Tag::tile_height, 1)));
    // The kind is asked for first: where its number is not in the file, the file is cut short.
    (void)directory.value(Tag::photometric, 0);
    if (std::max(width, height) > std::uint64_t{longest_side} || !is_known(directory)) {
        throw Undecodable(damaged);
    }
    TiffHeader header{static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height), 1, {}};
    const std::uint64_t orientation = directory.value(Tag::orientation, 1);
    header.orientation = orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
    std::vector<Tag> hidden{Tag::orientation, Tag::extra};
    if (const std::uint64_t rows = directory.value(Tag::rows, 1); rows < 1 || rows > height) {
        hidden.push_back(Tag::rows);
    }
    for (const Tag tag : hidden) {
        const auto places = directory.all(tag);
        header.to_be_hidden.insert(header.to_be_hidden.end(), places.begin(), places.end());
    }
    return header;
}

std::vector<std::uint8_t> with_hidden_tags(Bytes data, const TiffHeader& header) {
    std::vector<std::uint8_t> changed(data.begin(), data.end());
    const bool little = data[0] == 'I';
    for (const std::size_t at : header.to_be_hidden) {
        changed[at] = private_tag[little ? 1 : 0];
        changed[at + 1] = private_tag[little ? 0 : 1];
    }
    return changed;
}

}  // namespace swsss
