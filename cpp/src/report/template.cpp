#include "report/template.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "report/template_source.hpp"
#include "report/words.hpp"

namespace swsss {
namespace {

using nlohmann::json;

std::string escaped(std::string_view text) {
    std::string safe;
    safe.reserve(text.size());
    for (const char letter : text) {
        switch (letter) {
            case '&':
                safe += "&amp;";
                break;
            case '<':
                safe += "&lt;";
                break;
            case '>':
                safe += "&gt;";
                break;
            case '"':
                safe += "&#34;";
                break;
            case '\'':
                safe += "&#39;";
                break;
            default:
                safe += letter;
        }
    }
    return safe;
}

bool holds(const json& value) {
    if (const auto* text = value.get_ptr<const json::string_t*>()) {
        return !text->empty();
    }
    return value.is_boolean() ? value.get<bool>() : !value.empty();
}

class Renderer {
  public:
    explicit Renderer(const json& values) : values_(values) {}

    /// Fill a whole template.
    void run_all(std::string_view name) {
        TemplateSource source(name);
        if (const std::string_view tag = run(source, true); !tag.empty()) {
            wrong_template("there is nothing to end with " + std::string(tag));
        }
    }

    [[nodiscard]] std::string page() && { return std::move(page_); }

  private:
    /// Go on to the tag that ends what was begun.
    /// @param shown Whether what is on the way is wanted.
    /// @return The word of that tag; empty at the end of the template.
    std::string_view run(TemplateSource& source, bool shown) {
        while (true) {
            const TemplateSource::Piece piece = source.next();
            if (shown) {
                page_ += piece.text;
            }
            if (piece.kind == TemplateSource::Kind::end) {
                return {};
            }
            if (piece.kind == TemplateSource::Kind::value && shown) {
                page_ += escaped(words::plain(find(piece.tag).get_ref<const json::string_t&>()));
            } else if (piece.kind == TemplateSource::Kind::block) {
                const std::vector<std::string_view> tag = split_blank(piece.tag);
                if (!block(source, tag, shown)) {
                    return tag.at(0);
                }
            }
        }
    }

    /// Carry out a block; false when it ends one that was begun.
    bool block(TemplateSource& source, const std::vector<std::string_view>& tag, bool shown) {
        const std::string_view word = tag.at(0);
        if (word == "include") {
            include(tag.at(1), shown);
        } else if (word == "if") {
            condition(source, tag.at(1), shown);
        } else if (word == "for") {
            loop(source, tag.at(1), tag.at(3), shown);
        } else if (word == "with") {
            const json& value = shown ? find(tag.at(3)) : values_;
            named(source, tag.at(1), value, shown, "endwith");
        } else {
            return false;
        }
        return true;
    }

    void include(std::string_view quoted, bool shown) {
        if (shown) {
            run_all(quoted.substr(1, quoted.size() - 2));
        }
    }

    void condition(TemplateSource& source, std::string_view path, bool shown) {
        const bool held = shown && holds(find(path));
        std::string_view end = run(source, held);
        if (end == "else") {
            end = run(source, shown && !held);
        }
        if (end != "endif") {
            wrong_template("there is no endif");
        }
    }

    void loop(TemplateSource& source, std::string_view name, std::string_view path, bool shown) {
        const TemplateSource start = source;
        const json none = json::array();
        const json& list = shown ? find(path) : none;
        if (list.empty()) {
            named(source, name, none, false, "endfor");
        }
        for (const json& value : list) {
            source = start;
            named(source, name, value, true, "endfor");
        }
    }

    void named(TemplateSource& source, std::string_view name, const json& value, bool shown, std::string_view end) {
        names_.emplace_back(name, &value);
        if (run(source, shown) != end) {
            wrong_template("there is no " + std::string(end));
        }
        names_.pop_back();
    }

    [[nodiscard]] const json& find(std::string_view path) const {
        const std::vector<std::string_view> parts = split(path, ".");
        const auto name =
            std::find_if(names_.rbegin(), names_.rend(), [&](const auto& each) { return each.first == parts[0]; });
        const json* value = name == names_.rend() ? &values_.at(std::string(parts[0])) : name->second;
        for (std::size_t part = 1; part < parts.size(); ++part) {
            value = &value->at(std::string(parts[part]));
        }
        return *value;
    }

    const json& values_;  // NOLINT(*-avoid-const-or-ref-data-members): it lives as long as a call of `render`
    std::vector<std::pair<std::string_view, const json*>> names_;
    std::string page_;
};

}  // namespace

std::string render(std::string_view name, const json& values) {
    Renderer renderer(values);
    renderer.run_all(name);
    return std::move(renderer).page();
}

}  // namespace swsss
