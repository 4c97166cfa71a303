#include "engines/onnx/engine.hpp"

#include <onnxruntime_cxx_api.h>
#include <onnxruntime_session_options_config_keys.h>

#include <algorithm>
#include <array>
#include <future>
#include <map>
#include <utility>

#include "engines/model_file.hpp"
#include "engines/onnx/batch.hpp"
#include "engines/onnx/providers.hpp"
#include "labels/settings.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

Ort::Env make_environment() {
    Ort::Env env(ORT_LOGGING_LEVEL_FATAL, "swsss");
    env.DisableTelemetryEvents();
    return env;
}

Ort::Env& environment() {
    // One for the process, as ONNX Runtime asks.
    static Ort::Env env = make_environment();
    return env;
}

std::string refusal(const std::filesystem::path& path, const std::string& error) {
    if (error.find("IR version") != std::string::npos || error.find("opset") != std::string::npos) {
        return path.string() + " needs a newer ONNX Runtime than " + onnxruntime_version() +
               "; upgrade onnxruntime-gpu.";
    }
    return path.string() + " is not a whole ONNX file; make one with swsss-export CHECKPOINT --out model.onnx.";
}

Ort::SessionOptions base_options(int threads) {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(threads);
    options.SetLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);
    // Threads that spin while they wait would take the cores from decoding and writing.
    options.AddConfigEntry(kOrtSessionOptionsConfigAllowIntraOpSpinning, "0");
    // A memory plan a shape would be kept for every size there is.
    options.DisableMemPattern();
    return options;
}

/// A session, and what it runs on.
struct Opened {
    Ort::Session session{nullptr};
    Provider provider = Provider::cpu;
};

Opened open_session(const std::filesystem::path& path, const ModelFile& file, const std::string& device, int threads) {
    for (const Provider provider : wanted_providers(device)) {
        Ort::SessionOptions options = base_options(threads);
        if (!append_provider(options, provider)) {
            continue;
        }
        try {
            return {Ort::Session(environment(), file.path_to_open().c_str(), options), provider};
        } catch (const Ort::Exception& error) {
            if (provider == Provider::cpu) {
                throw UserError(refusal(path, error.what()));
            }
        }
    }
    throw UserError("--device " + device +
                    ": ONNX Runtime could not start it here; check the driver and that onnxruntime-gpu and its CUDA "
                    "libraries are installed, or use --device cpu.");
}

std::string description_in(const Ort::Session& session, const std::filesystem::path& path) {
    Ort::AllocatorWithDefaultOptions allocator;
    const auto text = session.GetModelMetadata().LookupCustomMetadataMapAllocated("swsss", allocator);
    if (!text) {
        throw UserError(path.string() +
                        " carries no description; it is no model of swsss; make one with swsss-export CHECKPOINT "
                        "--out model.onnx.");
    }
    return text.get();
}

using Types = std::map<std::string, ONNXTensorElementDataType>;

Types inputs_of(const Ort::Session& session) {
    Ort::AllocatorWithDefaultOptions allocator;
    Types types;
    for (std::size_t index = 0; index < session.GetInputCount(); ++index) {
        types[session.GetInputNameAllocated(index, allocator).get()] =
            session.GetInputTypeInfo(index).GetTensorTypeAndShapeInfo().GetElementType();
    }
    return types;
}

Types outputs_of(const Ort::Session& session) {
    Ort::AllocatorWithDefaultOptions allocator;
    Types types;
    for (std::size_t index = 0; index < session.GetOutputCount(); ++index) {
        types[session.GetOutputNameAllocated(index, allocator).get()] =
            session.GetOutputTypeInfo(index).GetTensorTypeAndShapeInfo().GetElementType();
    }
    return types;
}

void check_tensors(const Ort::Session& session, const ModelInfo& info, const std::filesystem::path& path) {
    constexpr auto pixels = ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
    Types inputs{{"image", pixels}};
    if (info.conditioned) {
        inputs["candidates"] = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    }
    if (inputs_of(session) != inputs || outputs_of(session) != Types{{"mask", pixels}, {"confidence", pixels}}) {
        throw UserError(path.string() +
                        " has other inputs or outputs than a model of swsss; it was changed after swsss-export.");
    }
}

class OnnxEngine final : public Engine {
  public:
    OnnxEngine(const std::filesystem::path& path, const EngineOptions& options)
        : threads_(options.threads > 0 ? options.threads : cores()) {
        const ModelFile file(path);
        // The hash of a large model takes as long as a good part of its loading.
        auto hash = std::async(std::launch::async, [&file] { return file.sha256(); });
        opened_ = open_session(path, file, options.device, threads_);
        info_ = parse_model_info(description_in(opened_.session, path), path.string());
        check_tensors(opened_.session, info_, path);
        batch_ = std::make_unique<OnnxBatch>(opened_.session, info_.conditioned, opened_.provider != Provider::cpu);
        identity_ = hash.get();
    }

    [[nodiscard]] const ModelInfo& info() const override { return info_; }
    [[nodiscard]] const std::string& identity() const override { return identity_; }
    [[nodiscard]] std::string description() const override {
        const std::string place = opened_.provider == Provider::cpu ? "CPU, " + std::to_string(threads_) + " threads"
                                                                    : name_of(opened_.provider);
        return "ONNX Runtime " + onnxruntime_version() + ", " + place;
    }
    /// On a CPU one image fills all cores, and more only fill the memory.
    [[nodiscard]] int preferred_batch() const override { return opened_.provider == Provider::cpu ? 1 : 8; }

    [[nodiscard]] std::vector<Labels> label(std::span<const Image* const> images,
                                            std::span<const Candidates> candidates) override {
        return batch_->run(images, candidates);
    }

  private:
    int threads_;
    Opened opened_;
    ModelInfo info_;
    std::unique_ptr<OnnxBatch> batch_;
    std::string identity_;
};

}  // namespace

std::unique_ptr<Engine> open_onnx_engine(const std::filesystem::path& path, const EngineOptions& options) {
    return std::make_unique<OnnxEngine>(path, options);
}

std::string onnxruntime_version() { return Ort::GetVersionString(); }

}  // namespace swsss
