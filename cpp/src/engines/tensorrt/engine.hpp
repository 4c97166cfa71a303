/// Engines of TensorRT: `NAME.engine` with its `NAME.engine.json`, run by the library itself.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "swsss/engine.hpp"

namespace swsss {

/// Load an engine, written by swsss-export --tensorrt.
///
/// @throws UserError A file is missing, damaged or of another build; the engine was made for another library, version,
///     GPU or system than is here; or this program was built without TensorRT.
[[nodiscard]] std::unique_ptr<Engine> open_tensorrt_engine(const std::filesystem::path& path);

/// Version of the TensorRT that is loaded, as "11.1.0.106"; empty in a program that was built without it.
[[nodiscard]] std::string tensorrt_version();

}  // namespace swsss
