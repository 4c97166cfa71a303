/// The part of Jinja2 that the page of the report needs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace swsss {

/// A template of `serve/report`, put into the program when it is built; empty when there is none of this name.
[[nodiscard]] std::string_view embedded_template(std::string_view name);

/// Fill the embedded template `name` as Jinja2 does with `autoescape` and `trim_blocks`.
///
/// It may hold `{{ a.b }}`, `{% for a in b.c %}`, `{% if a.b %}` with or without `{% else %}`, `{% with a = b.c %}`,
/// `{% include "name" %}` and comments. Texts are shown as `words::plain` has them, and escaped; a condition holds for
/// `true` and for what is not empty.
/// @param values An object of texts, lists, objects, true or false, and null.
/// @throws std::exception Template and values do not fit: a mistake of ours.
[[nodiscard]] std::string render(std::string_view name, const nlohmann::json& values);

}  // namespace swsss
