#include "swsss/model_info.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "engines/json_fields.hpp"
#include "swsss/errors.hpp"
#include "tags/class_table.hpp"

namespace swsss {
namespace {

using nlohmann::json;

constexpr const char* not_ours = "it is no model of swsss; make one with swsss-export CHECKPOINT --out model.onnx.";

/// One of some words.
const std::string& as_word(const json& value, std::initializer_list<const char*> words) {
    const std::string& text = as_text(value);
    if (std::find(words.begin(), words.end(), text) == words.end()) {
        throw FieldError("not one of the words");
    }
    return text;
}

std::int64_t format_of(const json& object) {
    const auto found = object.find("format");
    return found == object.end() ? model_format : as_integer(*found);
}

/// As `format_of`; 0 when it cannot be told.
std::int64_t claimed_format(const json& object) {
    try {
        return format_of(object);
    } catch (const FieldError&) {
        return 0;
    }
}

std::array<std::uint8_t, 3> as_colour(const json& value) {
    const auto channels = as_list(value, [](const json& one) { return as_integer(one, 0, 255); });
    std::array<std::uint8_t, 3> colour{};
    if (channels.size() != colour.size()) {
        throw FieldError("no colour");
    }
    for (std::size_t index = 0; index < colour.size(); ++index) {
        colour[index] = static_cast<std::uint8_t>(channels[index]);
    }
    return colour;
}

std::optional<Golden> golden_in(const json& object) {
    const auto found = object.find("golden");
    if (found == object.end() || found->is_null()) {
        return std::nullopt;
    }
    return Golden{as_text(field(*found, "image")),
                  as_list(field(*found, "candidates"), [](const json& id) { return as_integer(id); }),
                  as_text(field(*found, "mask"))};
}

/// Hold what a runner does not need, as it happens inside the graph, to what it should be.
void check_the_rest(const json& object) {
    for (const char* name : {"mean", "std"}) {
        if (as_list(field(object, name), as_number).size() != 3) {
            throw FieldError(name);
        }
    }
    const json& tools = field(object, "tools");
    if (!tools.is_object()) {
        throw FieldError("tools");
    }
    std::for_each(tools.begin(), tools.end(), [](const json& version) { static_cast<void>(as_text(version)); });
}

/// A number of 0 or more that not every model file holds.
double number_or(const json& object, const char* name, double otherwise) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null()) {
        return otherwise;
    }
    return std::max(0.0, as_number(*found));
}

ModelInfo read(const json& object) {
    static_cast<void>(format_of(object));
    ModelInfo info;
    info.conditioned = as_word(field(object, "task"), {"conditioned", "plain"}) == "conditioned";
    info.classes = as_list(field(object, "classes"), as_text);
    info.palette = as_list(field(object, "palette"), as_colour);
    info.scales = as_list(field(object, "scales"), as_number);
    info.flip = as_boolean(field(object, "flip"));
    info.max_side = static_cast<int>(
        as_integer(field(object, "max_side"), std::numeric_limits<int>::min(), std::numeric_limits<int>::max()));
    info.precision = as_word(field(object, "precision"), {"fp32", "fp16", "int8"});
    info.source = as_text(field(object, "source"));
    info.tag_penalty = number_or(object, "tag_penalty", 0.0);
    info.nets = static_cast<int>(std::clamp(number_or(object, "nets", 1.0), 1.0, 1000.0));
    info.attention = number_or(object, "attention", 0.0);
    info.golden = golden_in(object);
    check_the_rest(object);
    return info;
}

ModelInfo read_or_refuse(const json& object, const std::string& where) {
    try {
        return read(object);
    } catch (const FieldError&) {
        throw UserError("The description in " + where + " cannot be read; " + not_ours);
    }
}

}  // namespace

ModelInfo parse_model_info(const std::string& text, const std::string& where) {
    const json object = json::parse(text, nullptr, false);
    const std::int64_t format = object.is_object() ? claimed_format(object) : 0;
    if (format > model_format) {
        throw UserError(where + " has format " + std::to_string(format) + ", newer than this swsss reads (" +
                        std::to_string(model_format) + "); upgrade swsss.");
    }
    ModelInfo info = read_or_refuse(object, where);
    static_cast<void>(ClassTable(info.classes));  // refuses what is no class table
    return info;
}

}  // namespace swsss
