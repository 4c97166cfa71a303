#include "engines/sidecar.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>
#include <span>

#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "engines/json_fields.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Longest side of an input: what TensorRT counts in 32 bits.
constexpr std::int64_t longest = INT32_MAX;

ShapeRange as_range(const json& value, std::size_t sides) {
    const auto shape = [&](const char* name) {
        Shape found = as_list(field(value, name), [](const json& side) { return as_integer(side, 1, longest); });
        if (found.size() != sides) {
            throw FieldError(name);
        }
        return found;
    };
    ShapeRange range{shape("min"), shape("opt"), shape("max")};
    if (!range.holds(range.opt)) {
        throw FieldError("a range that does not hold what it is tuned for");
    }
    return range;
}

Profile as_profile(const json& value) {
    Profile profile{as_range(field(value, "image"), 4), std::nullopt};
    const auto candidates = value.find("candidates");
    if (candidates != value.end() && !candidates->is_null()) {
        profile.candidates = as_range(*candidates, 2);
    }
    return profile;
}

EngineInfo as_engine(const json& value) {
    EngineInfo engine;
    engine.library = as_text(field(value, "library"));
    engine.version = as_text(field(value, "version"));
    engine.compute_capability = as_text(field(value, "compute_capability"));
    engine.platform = as_text(field(value, "platform"));
    engine.onnx = as_text(field(value, "onnx"));
    engine.sha256 = as_text(field(value, "sha256"));
    engine.profiles = as_list(field(value, "profiles"), as_profile);
    static_cast<void>(as_text(field(value, "swsss")));
    const bool known = engine.library == "tensorrt" || engine.library == "tensorrt_rtx";
    if (!known || !read_capability(engine.compute_capability) || engine.profiles.empty()) {
        throw FieldError("engine");
    }
    return engine;
}

/// The bytes of one of the two files.
std::string read_half(const fs::path& half, const fs::path& path) {
    try {
        return read_file(half);
    } catch (const FileError& error) {
        if (error.code().value() == ENOENT) {
            throw UserError(half.string() + " is missing; an engine is " + path.filename().string() + " and " +
                            sidecar_path(path).filename().string() + " together, " + rebuild);
        }
        throw UserError("The engine " + path.string() + " cannot be read ([Errno " +
                        std::to_string(error.code().value()) + "] " + error.reason() + ": '" + half.string() + "'); " +
                        rebuild);
    }
}

std::string hash_of(const std::string& plan) {
    // NOLINTNEXTLINE(*-reinterpret-cast): characters as the bytes they are
    return sha256(std::span(reinterpret_cast<const std::uint8_t*>(plan.data()), plan.size()));
}

/// Whether a text is digits and nothing else; `number` is then what they say.
bool is_number(std::string_view text, int& number) {
    const auto [end, failed] = std::from_chars(text.begin(), text.end(), number);
    return !text.empty() && text.front() != '-' && failed == std::errc() && end == text.end();
}

}  // namespace

std::optional<Capability> read_capability(std::string_view text) {
    Capability capability;
    if (!text.empty() && text.back() == '+') {
        capability.or_newer = true;
        text.remove_suffix(1);
    }
    const std::size_t point = std::min(text.find('.'), text.size());
    const bool whole = point < text.size() && is_number(text.substr(0, point), capability.major) &&
                       is_number(text.substr(point + 1), capability.minor);
    return whole ? std::optional(capability) : std::nullopt;
}

fs::path sidecar_path(const fs::path& engine) {
    fs::path beside = engine;
    beside += ".json";
    return beside;
}

Sidecar parse_sidecar(const std::string& text, const fs::path& path) {
    ModelInfo model = parse_model_info(text, path.string());
    try {
        return {std::move(model), as_engine(field(json::parse(text), "engine"))};
    } catch (const FieldError&) {
        throw UserError(path.string() + " does not say how the engine was built; " + rebuild);
    }
}

EngineFile read_engine(const fs::path& path) {
    const fs::path beside = sidecar_path(path);
    std::string plan = read_half(path, path);
    const std::string text = read_half(beside, path);
    if (!is_utf8(text)) {
        throw UserError("The engine " + path.string() + " cannot be read (" + beside.filename().string() +
                        " is not UTF-8 text); " + rebuild);
    }
    Sidecar sidecar = parse_sidecar(text, beside);
    if (hash_of(plan) != sidecar.engine.sha256) {
        throw UserError(path.string() + " is not the engine that " + beside.filename().string() +
                        " describes, or is cut short; " + rebuild);
    }
    return {std::move(sidecar), std::move(plan)};
}

}  // namespace swsss
