#include "engines/onnx/providers.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>

namespace swsss {
namespace {

bool is_built_in(Provider provider) {
    const std::vector<std::string> known = Ort::GetAvailableProviders();
    return std::find(known.begin(), known.end(), name_of(provider)) != known.end();
}

/// Options of a provider; made and released through the C interface, which every ONNX Runtime has.
template <typename Options>
using Owned = std::unique_ptr<Options, void (*)(Options*)>;

void append_cuda(Ort::SessionOptions& options) {
    OrtCUDAProviderOptionsV2* made = nullptr;
    Ort::ThrowOnError(Ort::GetApi().CreateCUDAProviderOptions(&made));
    const Owned<OrtCUDAProviderOptionsV2> cuda(made, Ort::GetApi().ReleaseCUDAProviderOptions);
    options.AppendExecutionProvider_CUDA_V2(*cuda);
}

void append_tensorrt(Ort::SessionOptions& options) {
    OrtTensorRTProviderOptionsV2* made = nullptr;
    Ort::ThrowOnError(Ort::GetApi().CreateTensorRTProviderOptions(&made));
    const Owned<OrtTensorRTProviderOptionsV2> tensorrt(made, Ort::GetApi().ReleaseTensorRTProviderOptions);
    options.AppendExecutionProvider_TensorRT_V2(*tensorrt);
    // Takes what TensorRT leaves over.
    append_cuda(options);
}

}  // namespace

std::string name_of(Provider provider) {
    switch (provider) {
        case Provider::cuda:
            return "CUDAExecutionProvider";
        case Provider::tensorrt:
            return "TensorrtExecutionProvider";
        case Provider::cpu:
            break;
    }
    return "CPUExecutionProvider";
}

std::vector<Provider> wanted_providers(const std::string& device) {
    if (device == "cuda") {
        return {Provider::cuda};
    }
    if (device == "tensorrt") {
        return {Provider::tensorrt};
    }
    if (device == "auto" && is_built_in(Provider::cuda) && std::filesystem::exists("/dev/nvidiactl")) {
        return {Provider::cuda, Provider::cpu};
    }
    return {Provider::cpu};
}

bool append_provider(Ort::SessionOptions& options, Provider provider) {
    if (provider == Provider::cpu) {
        return true;
    }
    if (!is_built_in(provider)) {
        return false;
    }
    try {
        provider == Provider::cuda ? append_cuda(options) : append_tensorrt(options);
    } catch (const Ort::Exception&) {
        return false;
    }
    return true;
}

}  // namespace swsss
