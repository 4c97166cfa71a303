/// Engine files with a sidecar that says what is given.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/files.hpp"
#include "base/hash.hpp"
#include "engines/sidecar.hpp"
#include "engines/tensorrt/checks.hpp"

namespace swsss {

/// A description as swsss/model/info.py writes it.
inline nlohmann::json described_model() {
    return nlohmann::json::parse(R"({
        "format": 1, "task": "conditioned", "classes": ["background", "cat", "dog", "polar bear", "person"],
        "palette": [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]],
        "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "scales": [1.0], "flip": false,
        "max_side": 4096, "precision": "fp32", "source": "ab", "tools": {"swsss": "0.1.0"}
    })");
}

inline std::string sha256_of(const std::string& text) {
    return sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

/// Profiles for the sizes 1x40x60 and 3x64x64, as swsss/model/tensorrt/profiles.py makes them.
inline nlohmann::json described_profiles() {
    return nlohmann::json::parse(R"([
        {"image": {"min": [1, 1, 1, 3], "opt": [1, 40, 60, 3], "max": [1, 64, 64, 3]},
         "candidates": {"min": [1, 1], "opt": [1, 4], "max": [1, 5]}},
        {"image": {"min": [1, 1, 1, 3], "opt": [3, 64, 64, 3], "max": [3, 64, 64, 3]},
         "candidates": {"min": [1, 1], "opt": [3, 4], "max": [3, 5]}}
    ])");
}

/// A description as swsss/model/tensorrt/sidecar.py writes it.
/// @param engine What is to be said differently of the engine.
inline nlohmann::json described_engine(const std::string& plan, const nlohmann::json& engine = {}) {
    nlohmann::json sidecar = described_model();
    sidecar["engine"] = {{"library", "tensorrt"},
                         {"version", "11.4.0.106"},
                         {"compute_capability", "8.9"},
                         {"platform", this_platform()},
                         {"swsss", "0.1.0"},
                         {"onnx", ""},
                         {"sha256", sha256_of(plan)},
                         {"profiles", described_profiles()}};
    if (!engine.is_null()) {
        sidecar["engine"].update(engine);
    }
    return sidecar;
}

/// Write small.engine and its sidecar.
inline std::filesystem::path write_engine(const std::filesystem::path& folder, const std::string& sidecar,
                                          const std::string& plan = "plan") {
    const auto path = folder / "small.engine";
    write_whole(path, std::string_view(plan));
    write_whole(sidecar_path(path), std::string_view(sidecar));
    return path;
}

}  // namespace swsss
