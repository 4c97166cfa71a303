#include "swsss/model_info.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "swsss/errors.hpp"

namespace swsss {
namespace {

using nlohmann::json;

constexpr const char* not_ours = "it is no model of swsss; make one with swsss-export CHECKPOINT --out model.onnx.";

std::int64_t format_of(const json& object) {
    const auto found = object.find("format");
    return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

bool conditioned_in(const json& object) {
    const auto task = object.at("task").get<std::string>();
    if (task != "conditioned" && task != "plain") {
        throw std::invalid_argument("task");
    }
    return task == "conditioned";
}

std::optional<Golden> golden_in(const json& object) {
    const auto found = object.find("golden");
    if (found == object.end() || found->is_null()) {
        return std::nullopt;
    }
    return Golden{found->at("image").get<std::string>(), found->at("candidates").get<std::vector<std::int64_t>>(),
                  found->at("mask").get<std::string>()};
}

/// Whether names are those of a class table: 2 to 255, and all different.
bool is_table(const std::vector<std::string>& names) {
    return names.size() >= 2 && names.size() <= 255 &&
           std::set<std::string>(names.begin(), names.end()).size() == names.size();
}

ModelInfo read(const json& object) {
    ModelInfo info;
    info.conditioned = conditioned_in(object);
    info.classes = object.at("classes").get<std::vector<std::string>>();
    info.palette = object.at("palette").get<std::vector<std::array<std::uint8_t, 3>>>();
    info.scales = object.at("scales").get<std::vector<double>>();
    info.flip = object.at("flip").get<bool>();
    info.max_side = object.at("max_side").get<int>();
    info.precision = object.at("precision").get<std::string>();
    info.source = object.at("source").get<std::string>();
    info.golden = golden_in(object);
    if (!is_table(info.classes)) {
        throw std::invalid_argument("classes");
    }
    return info;
}

}  // namespace

ModelInfo parse_model_info(const std::string& text, const std::string& where) {
    const json object = json::parse(text, nullptr, false);
    const std::int64_t format = object.is_object() ? format_of(object) : 0;
    if (format > model_format) {
        throw UserError(where + " has format " + std::to_string(format) + ", newer than this swsss reads (" +
                        std::to_string(model_format) + "); upgrade swsss.");
    }
    try {
        return read(object);
    } catch (const std::exception&) {  // a field is missing, or is not what it should be
        throw UserError("The description in " + where + " cannot be read; " + not_ours);
    }
}

}  // namespace swsss
