/// A template, taken piece by piece.
#pragma once

#include <string>
#include <string_view>

namespace swsss {

/// @throws std::logic_error Always: it is a mistake of ours.
[[noreturn]] void wrong_template(const std::string& what);

/// What is left of an embedded template.
class TemplateSource {
  public:
    enum class Kind { end, value, block, comment };

    /// Text up to a tag, and what stands in the tag.
    struct Piece {
        std::string_view text;
        Kind kind = Kind::end;
        std::string_view tag;
    };

    /// Begins without the last line feed, as Jinja2 does.
    explicit TemplateSource(std::string_view name);

    /// Goes on behind the tag, and behind a line feed that follows a block or a comment (`trim_blocks`).
    [[nodiscard]] Piece next();

  private:
    [[nodiscard]] Kind kind_at(std::size_t brace) const;

    std::string_view rest_;
};

}  // namespace swsss
