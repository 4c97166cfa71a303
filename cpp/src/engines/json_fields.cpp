#include "engines/json_fields.hpp"

namespace swsss {

using nlohmann::json;

const json& field(const json& object, const char* name) {
    const auto found = object.find(name);
    if (!object.is_object() || found == object.end()) {
        throw FieldError(name);
    }
    return *found;
}

const std::string& as_text(const json& value) {
    if (!value.is_string()) {
        throw FieldError("not a text");
    }
    return value.get_ref<const std::string&>();
}

bool as_boolean(const json& value) {
    if (!value.is_boolean()) {
        throw FieldError("not a boolean");
    }
    return value.get<bool>();
}

double as_number(const json& value) {
    if (!value.is_number()) {
        throw FieldError("not a number");
    }
    return value.get<double>();
}

std::int64_t as_integer(const json& value, std::int64_t low, std::int64_t high) {
    if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX)) {
        throw FieldError("not a whole number");
    }
    const auto number = value.get<std::int64_t>();
    if (number < low || number > high) {
        throw FieldError("out of range");
    }
    return number;
}

}  // namespace swsss
