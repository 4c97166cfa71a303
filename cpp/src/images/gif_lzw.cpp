#include <algorithm>

#include "images/gif_parts.hpp"

namespace swsss {
namespace {

constexpr unsigned most_bits = 12;
constexpr std::size_t most_codes = std::size_t{1} << most_bits;

/// Reads codes, the lowest bit first.
class Codes {
  public:
    explicit Codes(Bytes packed) : packed_(packed) {}

    /// The next code; false when the data end.
    bool next(unsigned bits, std::size_t& code) {
        while (count_ < bits) {
            if (packed_.empty()) {
                return false;
            }
            buffer_ |= static_cast<std::uint32_t>(packed_.front()) << count_;
            packed_ = packed_.subspan(1);
            count_ += 8;
        }
        code = buffer_ & ((1U << bits) - 1);
        buffer_ >>= bits;
        count_ -= bits;
        return true;
    }

  private:
    Bytes packed_;
    std::uint32_t buffer_ = 0;
    unsigned count_ = 0;
};

/// What a code stands for: another's indices, and one more.
struct Entry {
    std::uint16_t before;
    std::uint16_t length;
    std::uint8_t first;
    std::uint8_t last;
};

class Unpacker {
  public:
    Unpacker(unsigned bits, std::span<std::uint8_t> to) : bits_(bits), clear_(std::size_t{1} << bits), to_(to) {
        for (std::size_t index = 0; index < clear_; ++index) {
            const auto value = static_cast<std::uint8_t>(index);
            table_[index] = {0, 1, value, value};
        }
        begin();
    }

    [[nodiscard]] bool is_clear(std::size_t code) const { return code == clear_; }
    [[nodiscard]] bool is_done() const { return to_.empty(); }
    [[nodiscard]] unsigned width() const { return width_; }

    void begin() {
        width_ = bits_ + 1;
        next_ = clear_ + 2;
        before_ = most_codes;
    }

    /// Take the next code in; false when it cannot be.
    bool take(std::size_t code) {
        if (code == clear_ + 1) {
            return false;  // the end, too early
        }
        if (before_ == most_codes) {
            before_ = code;
            return code < clear_ && put(code);
        }
        if (code > next_) {
            return false;
        }
        if (next_ < most_codes) {
            const Entry& before = table_[before_];
            const std::uint8_t last = code == next_ ? before.first : table_[code].first;
            table_[next_] = {static_cast<std::uint16_t>(before_), static_cast<std::uint16_t>(before.length + 1),
                             before.first, last};
            if (++next_ == std::size_t{1} << width_ && width_ < most_bits) {
                ++width_;
            }
        }
        before_ = code;
        return put(code);
    }

  private:
    bool put(std::size_t code) {
        const std::size_t length = table_[code].length;
        const std::size_t room = std::min(length, to_.size());
        for (std::size_t index = length; index > 0; --index) {
            if (index <= room) {
                to_[index - 1] = table_[code].last;
            }
            code = table_[code].before;
        }
        to_ = to_.subspan(room);
        return true;
    }

    unsigned bits_;
    std::size_t clear_;
    std::span<std::uint8_t> to_;
    std::array<Entry, most_codes> table_{};
    unsigned width_ = 0;
    std::size_t next_ = 0;
    std::size_t before_ = 0;  ///< The code before this one; `most_codes` when there is none.
};

}  // namespace

bool unpack_lzw(Bytes packed, unsigned bits, std::span<std::uint8_t> indices) {
    Codes codes(packed);
    Unpacker unpacker(bits, indices);
    while (!unpacker.is_done()) {
        std::size_t code = 0;
        if (!codes.next(unpacker.width(), code)) {
            return false;
        }
        if (unpacker.is_clear(code)) {
            unpacker.begin();
        } else if (!unpacker.take(code)) {
            return false;
        }
    }
    return true;
}

}  // namespace swsss
