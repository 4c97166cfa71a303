#include "images/bmp_runs.hpp"

#include <algorithm>

namespace swsss {
namespace {

/// Where the next pixel goes.
class Cursor {
  public:
    explicit Cursor(Image& image) : image_(image), width_(static_cast<std::size_t>(image.width)) {}

    [[nodiscard]] bool at_end() const { return row_ >= static_cast<std::size_t>(image_.height); }
    [[nodiscard]] std::size_t left_in_row() const { return width_ - column_; }
    [[nodiscard]] std::size_t rows_left() const { return static_cast<std::size_t>(image_.height) - row_; }
    [[nodiscard]] std::size_t width() const { return width_; }
    [[nodiscard]] bool at_start_of_row() const { return column_ == 0; }

    void put(const BmpColour& colour) {
        std::copy(colour.begin(), colour.end(), image_.pixels.data() + 3 * (row_ * width_ + column_));
        ++column_;
    }

    /// Go to the next row when this one is full.
    bool wrap() {
        if (column_ < width_) {
            return false;
        }
        column_ = 0;
        ++row_;
        return true;
    }

    /// Fill so many pixels, over the ends of rows.
    void skip(std::size_t count, const BmpColour& colour) {
        do {
            for (; count > 0 && column_ < width_; --count) {
                put(colour);
            }
            wrap();
        } while (count > 0 && !at_end());
    }

  private:
    Image& image_;
    std::size_t width_;
    std::size_t row_ = 0;
    std::size_t column_ = 0;
};

class Runs {
  public:
    Runs(Bytes data, int bits, const BmpPalette& palette, Image& image)
        : data_(data), four_(bits == 4), palette_(palette), cursor_(image) {}

    void read() {
        while (!cursor_.at_end()) {
            const std::size_t count = next();
            const std::size_t code = next();
            if (count > 0) {
                run(count, code);
            } else if (code > 2) {
                literal(code);
            } else if (code > 0 || !full_row_ || !cursor_.at_start_of_row()) {
                escape(code);
            } else {
                full_row_ = false;  // the end of a row that was full, and left, already
            }
        }
    }

  private:
    std::size_t next() {
        if (data_.empty()) {
            throw Undecodable(damaged);
        }
        const std::size_t value = data_.front();
        data_ = data_.subspan(1);
        return value;
    }

    void expect_room(std::size_t count) const {
        if (count > cursor_.left_in_row()) {
            throw Undecodable(damaged);
        }
    }

    void run(std::size_t count, std::size_t code) {
        expect_room(count);
        for (std::size_t index = 0; index < count; ++index) {
            cursor_.put(palette_[!four_ ? code : index % 2 == 0 ? code >> 4U : code & 15U]);
        }
        if (!four_) {
            full_row_ = cursor_.wrap();
        }
    }

    void literal(std::size_t count) {
        expect_room(count);
        std::size_t pair = 0;
        for (std::size_t index = 0; index < count; ++index) {
            if (!four_ || index % 2 == 0) {
                pair = next();
            }
            cursor_.put(palette_[!four_ ? pair : index % 2 == 0 ? pair >> 4U : pair & 15U]);
        }
        const std::size_t bytes = four_ ? (count + 1) / 2 : count;
        if (bytes % 2 != 0) {
            next();  // they come in pairs
        }
        full_row_ = false;
    }

    /// End of a row, end of the picture, or a jump.
    void escape(std::size_t code) {
        std::size_t count = cursor_.left_in_row();
        std::size_t rows = code == 1 ? cursor_.rows_left() : 0;
        if (code == 2) {
            count = next();
            rows = next();
        }
        cursor_.skip(count + rows * cursor_.width(), palette_[0]);
        full_row_ = false;
    }

    Bytes data_;
    bool four_;
    const BmpPalette& palette_;
    Cursor cursor_;
    bool full_row_ = false;
};

}  // namespace

void read_runs(Bytes data, int bits, const BmpPalette& palette, Image& image) {
    Runs(data, bits, palette, image).read();
}

}  // namespace swsss
