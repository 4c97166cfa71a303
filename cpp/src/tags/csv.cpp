#include "tags/csv.hpp"

#include <algorithm>

namespace swsss {

std::optional<std::vector<std::string>> CsvReader::next() {
    if (at_ == text_.size()) {
        return std::nullopt;
    }
    line_ = next_line_;
    std::vector<std::string> fields;
    if (take_line_end()) {
        return fields;
    }
    while (true) {
        fields.push_back(text_.substr(at_).starts_with('"') ? take_quoted() : take_plain());
        if (at_ == text_.size() || take_line_end()) {
            return fields;
        }
        if (text_[at_] != delimiter_) {
            refuse("a closing quote is not at the end of its field");
        }
        ++at_;
    }
}

bool CsvReader::take_line_end() {
    const std::string_view rest = text_.substr(at_);
    const std::size_t size = rest.starts_with("\r\n") ? 2 : rest.starts_with('\n') || rest.starts_with('\r') ? 1 : 0;
    at_ += size;
    next_line_ += size > 0 ? 1 : 0;
    return size > 0;
}

std::string CsvReader::take_plain() {
    const char ends[] = {delimiter_, '\r', '\n', '\0'};  // NOLINT(*-avoid-c-arrays): as find_first_of takes it
    const std::size_t end = std::min(text_.find_first_of(ends, at_), text_.size());
    std::string field(text_.substr(at_, end - at_));
    at_ = end;
    return field;
}

std::string CsvReader::take_quoted() {
    const std::size_t opened = at_;
    std::string field;
    do {
        const std::size_t end = text_.find('"', ++at_);
        if (end == std::string_view::npos) {
            at_ = opened;
            refuse("a quote is not closed");
        }
        field += text_.substr(at_, end - at_ + 1);
        at_ = end + 1;
    } while (text_.substr(at_).starts_with('"'));  // a doubled quote stands for one
    field.pop_back();
    next_line_ += static_cast<std::size_t>(std::count(field.begin(), field.end(), '\n'));
    return field;
}

void CsvReader::refuse(const std::string& reason) {
    at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
    take_line_end();
    throw CsvError(reason);
}

}  // namespace swsss
