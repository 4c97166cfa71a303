#include "tags/csv.hpp"

#include <utility>

namespace swsss {
namespace {

constexpr std::size_t field_limit = 131'072;  // characters
constexpr char quote = '"';

bool ends_line(char character) { return character == '\n' || character == '\r'; }

/// Whether a byte of UTF-8 goes on with a character.
bool goes_on(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

}  // namespace

std::string_view Lines::next() {
    std::size_t end = rest_.find_first_of("\r\n");
    if (end == std::string_view::npos) {
        end = rest_.size();
    } else {
        end += rest_.substr(end, 2) == "\r\n" ? 2 : 1;
    }
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return line;
}

std::vector<std::string> CsvReader::read(std::string_view line) {
    state_ = State::start_of_row;
    field_.clear();
    characters_ = 0;
    fields_.clear();
    more_ = 0;
    while (true) {
        for (const char character : line) {
            take(character);
        }
        end_line();
        if (state_ == State::start_of_row) {
            return std::move(fields_);
        }
        line = lines_.next();
        if (line.empty()) {
            throw CsvError("unexpected end of data");
        }
        ++more_;
    }
}

void CsvReader::take(char character) {
    switch (state_) {
        case State::start_of_row:
        case State::start_of_field:
            if (ends_line(character)) {
                if (state_ == State::start_of_field) {
                    end_field();
                }
                state_ = State::end_of_row;
            } else if (character == quote) {
                state_ = State::in_quotes;
            } else if (character == delimiter_) {
                end_field();
                state_ = State::start_of_field;
            } else {
                add(character);
                state_ = State::in_field;
            }
            break;
        case State::quote_in_quotes:
            if (character == quote) {
                add(character);
                state_ = State::in_quotes;
                break;
            }
            if (!ends_line(character) && character != delimiter_) {
                throw CsvError(std::string("'") + delimiter_ + "' expected after '\"'");
            }
            [[fallthrough]];
        case State::in_field:
            if (ends_line(character)) {
                end_field();
                state_ = State::end_of_row;
            } else if (character == delimiter_) {
                end_field();
                state_ = State::start_of_field;
            } else {
                add(character);
            }
            break;
        case State::in_quotes:
            if (character == quote) {
                state_ = State::quote_in_quotes;
            } else {
                add(character);
            }
            break;
        case State::end_of_row:
            break;  // LF after CR; `Lines` gives nothing else here
    }
}

void CsvReader::end_line() {
    if (state_ == State::start_of_field || state_ == State::in_field || state_ == State::quote_in_quotes) {
        end_field();
    }
    if (state_ != State::in_quotes) {
        state_ = State::start_of_row;
    }
}

void CsvReader::add(char character) {
    if (!goes_on(character) && ++characters_ > field_limit) {
        throw CsvError("field larger than field limit (" + std::to_string(field_limit) + ")");
    }
    field_ += character;
}

void CsvReader::end_field() {
    fields_.push_back(std::exchange(field_, {}));
    characters_ = 0;
}

}  // namespace swsss
