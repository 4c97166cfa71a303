/// Execution providers of ONNX Runtime, chosen at run time.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <string>
#include <vector>

namespace swsss {

enum class Provider { cpu, cuda, tensorrt };

/// The name ONNX Runtime gives it.
[[nodiscard]] std::string name_of(Provider provider);

/// What to try for a device, in order: "auto" takes CUDA where there is a GPU, and the CPU when that does not start.
[[nodiscard]] std::vector<Provider> wanted_providers(const std::string& device);

/// Let a session use a provider; false when this ONNX Runtime has none or its libraries cannot be loaded.
[[nodiscard]] bool append_provider(Ort::SessionOptions& options, Provider provider);

}  // namespace swsss
