/// Fields of a JSON object, taken only when they are of the type that is wanted: nlohmann-json itself makes numbers of
/// booleans, and other numbers of numbers that are too large.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace swsss {

/// A field is missing, or is not what it should be; readers turn it into a sentence about the file.
class FieldError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// @throws FieldError There is no such field, or `object` is none.
[[nodiscard]] const nlohmann::json& field(const nlohmann::json& object, const char* name);

/// @throws FieldError The value is not of this type, or out of range.
[[nodiscard]] const std::string& as_text(const nlohmann::json& value);
[[nodiscard]] bool as_boolean(const nlohmann::json& value);
[[nodiscard]] double as_number(const nlohmann::json& value);
[[nodiscard]] std::int64_t as_integer(const nlohmann::json& value, std::int64_t low = INT64_MIN,
                                      std::int64_t high = INT64_MAX);

/// The elements of an array, each read by `read`.
/// @throws FieldError It is none.
template <typename Read>
[[nodiscard]] auto as_list(const nlohmann::json& value, Read read) {
    if (!value.is_array()) {
        throw FieldError("not a list");
    }
    std::vector<std::decay_t<decltype(read(value))>> elements;
    elements.reserve(value.size());
    for (const nlohmann::json& element : value) {
        elements.push_back(read(element));
    }
    return elements;
}

}  // namespace swsss
