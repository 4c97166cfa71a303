/// `NAME.engine.json`: what a TensorRT engine says of itself, which has no room for it inside.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engines/profiles.hpp"
#include "swsss/model_info.hpp"

namespace swsss {

/// What to do about an engine that is no use here; the end of a sentence, without its full stop.
inline constexpr const char* rebuild = "build it again: swsss-export CHECKPOINT --out model.onnx --tensorrt";

/// How an engine was built, and what it runs on.
struct EngineInfo {
    std::string library;             ///< tensorrt or tensorrt_rtx.
    std::string version;             ///< Of the library; the engine runs with no other.
    std::string compute_capability;  ///< Of the GPU, "8.9"; "8.0+": that and newer.
    std::string platform;            ///< Operating system and processor, "linux-x86_64"; "any".
    std::string onnx;                ///< SHA-256 (hex) of the ONNX file.
    std::string sha256;              ///< SHA-256 (hex) of the engine.
    std::vector<Profile> profiles;   ///< At least one.
};

/// A compute capability that engines are built for.
struct Capability {
    int major = 0;
    int minor = 0;
    bool or_newer = false;
};

/// Read "8.9" or "8.0+"; none when it is neither.
[[nodiscard]] std::optional<Capability> read_capability(std::string_view text);

/// The model's own description, as in the ONNX file, and the engine's.
struct Sidecar {
    ModelInfo model;
    EngineInfo engine;
};

/// An engine and its sidecar.
struct EngineFile {
    Sidecar sidecar;
    std::string plan;  ///< The engine's bytes.
};

/// Where the sidecar of an engine is: NAME.engine.json.
[[nodiscard]] std::filesystem::path sidecar_path(const std::filesystem::path& engine);

/// Read the text of a sidecar.
/// @throws UserError It is damaged, of a newer format, or does not say how the engine was built.
[[nodiscard]] Sidecar parse_sidecar(const std::string& text, const std::filesystem::path& path);

/// Read an engine and its sidecar, and see that they belong together.
/// @throws UserError One is missing, damaged, of a newer format, or of another build.
[[nodiscard]] EngineFile read_engine(const std::filesystem::path& path);

}  // namespace swsss
