#include "report/template_source.hpp"

#include <stdexcept>

#include "base/text.hpp"
#include "report/template.hpp"

namespace swsss {
namespace {

std::string_view closing_of(TemplateSource::Kind kind) {
    switch (kind) {
        case TemplateSource::Kind::value:
            return "}}";
        case TemplateSource::Kind::block:
            return "%}";
        default:
            return "#}";
    }
}

}  // namespace

void wrong_template(const std::string& what) { throw std::logic_error("The template of the report: " + what + "."); }

TemplateSource::TemplateSource(std::string_view name) : rest_(embedded_template(name)) {
    if (rest_.empty()) {
        wrong_template("there is no " + std::string(name));
    }
    if (rest_.back() == '\n') {
        rest_.remove_suffix(1);
    }
}

TemplateSource::Piece TemplateSource::next() {
    std::size_t start = rest_.find('{');
    while (start != std::string_view::npos && kind_at(start) == Kind::end) {
        start = rest_.find('{', start + 1);
    }
    Piece piece;
    piece.text = rest_.substr(0, start);
    if (start == std::string_view::npos) {
        rest_ = {};
        return piece;
    }
    piece.kind = kind_at(start);
    const std::size_t end = rest_.find(closing_of(piece.kind), start + 2);
    if (end == std::string_view::npos) {
        wrong_template("a tag is not closed");
    }
    piece.tag = strip(rest_.substr(start + 2, end - start - 2));
    rest_.remove_prefix(end + 2);
    if (piece.kind != Kind::value && !rest_.empty() && rest_.front() == '\n') {
        rest_.remove_prefix(1);
    }
    return piece;
}

TemplateSource::Kind TemplateSource::kind_at(std::size_t brace) const {
    switch (brace + 1 < rest_.size() ? rest_[brace + 1] : ' ') {
        case '{':
            return Kind::value;
        case '%':
            return Kind::block;
        case '#':
            return Kind::comment;
        default:
            return Kind::end;
    }
}

}  // namespace swsss
