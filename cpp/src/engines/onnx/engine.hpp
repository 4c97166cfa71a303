/// ONNX model files in ONNX Runtime: CPU, CUDA, or its TensorRT execution provider.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "swsss/engine.hpp"

namespace swsss {

/// Load an ONNX model file, written by swsss-export.
///
/// @throws UserError The file is missing, cut short, not ours or of a newer format, or the device cannot be used.
[[nodiscard]] std::unique_ptr<Engine> open_onnx_engine(const std::filesystem::path& path, const EngineOptions& options);

/// Version of the ONNX Runtime that is loaded.
[[nodiscard]] std::string onnxruntime_version();

}  // namespace swsss
