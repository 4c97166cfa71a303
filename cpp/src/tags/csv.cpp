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

std::vector<std::string> CsvReader::read(std::string_view line) {
    state_ = State::start_of_row;
    field_.clear();
    characters_ = 0;
    fields_.clear();
    more_ = 0;
    nul_ = false;
    while (true) {
        for (const char character : line) {
            take(character);
        }
        end_line();
        if (state_ == State::start_of_row) {
            // Taken for text, a UTF-16 file would give nothing but unknown names.
            if (nul_) {
                throw CsvError("it holds a NUL byte");
            }
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
    if (state_ == State::in_quotes) {
        if (character == quote) {
            state_ = State::quote_in_quotes;
        } else {
            add(character);
        }
    } else if (character == quote && state_ == State::quote_in_quotes) {
        add(character);
        state_ = State::in_quotes;
    } else if (character == quote && (state_ == State::start_of_row || state_ == State::start_of_field)) {
        state_ = State::in_quotes;
    } else if (ends_line(character)) {
        // After the row, this is the LF of a CRLF: `Lines` gives nothing else there.
        if (state_ != State::start_of_row && state_ != State::end_of_row) {
            end_field();
        }
        state_ = State::end_of_row;
    } else if (character == delimiter_) {
        end_field();
        state_ = State::start_of_field;
    } else if (state_ == State::quote_in_quotes) {
        throw CsvError(std::string("'") + delimiter_ + "' expected after '\"'");
    } else {
        add(character);
        state_ = State::in_field;
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
    nul_ = nul_ || character == '\0';
    field_ += character;
}

void CsvReader::end_field() {
    fields_.push_back(std::exchange(field_, {}));
    characters_ = 0;
}

}  // namespace swsss
