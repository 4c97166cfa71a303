#ifdef SWSSS_WITH_TENSORRT

#include "engines/tensorrt/session.hpp"

#include <array>
#include <exception>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "engines/tensorrt/checks.hpp"
#include "swsss/errors.hpp"

#if NV_TENSORRT_MAJOR < 10
#error "TensorRT 10.1 or newer is needed"
#endif

namespace swsss {
namespace {

using nvinfer1::ICudaEngine;

/// Keeps the first few errors, and the rest off the user's terminal.
class TensorRTLogger final : public nvinfer1::ILogger {
  public:
    /// Called by TensorRT, from any thread.
    void log(Severity severity, const nvinfer1::AsciiChar* message) noexcept override;

    /// What was complained about first, on one line, without its full stop: what follows are consequences.
    [[nodiscard]] std::string first_error() const;

    void clear();

  private:
    static constexpr std::size_t kept = 8;

    mutable std::mutex mutex_;
    std::vector<std::string> errors_;
};

void TensorRTLogger::log(Severity severity, const nvinfer1::AsciiChar* message) noexcept {
    if (severity != Severity::kINTERNAL_ERROR && severity != Severity::kERROR) {
        return;
    }
    try {
        const std::lock_guard lock(mutex_);
        if (errors_.size() < kept) {
            errors_.emplace_back(message);
        }
    } catch (const std::exception&) {  // out of memory; TensorRT must not see it
        return;
    }
}

std::string TensorRTLogger::first_error() const {
    const std::lock_guard lock(mutex_);
    if (errors_.empty()) {
        return "it does not say why";
    }
    const std::string_view text = strip(errors_.front());
    std::string line(text.substr(0, text.find_first_of("\r\n")));
    line.erase(line.find_last_not_of('.') + 1);
    return line;
}

void TensorRTLogger::clear() {
    const std::lock_guard lock(mutex_);
    errors_.clear();
}

/// The logger of the process: TensorRT keeps the first that it is given, and uses it for every engine.
TensorRTLogger& tensorrt_logger() {
    static TensorRTLogger logger;
    return logger;
}

/// Names of nvinfer1::DataType, as Python's package has them.
std::string type_name(nvinfer1::DataType type) {
    static constexpr std::array names{"float", "half", "int8",  "int32", "bool", "uint8",
                                      "fp8",   "bf16", "int64", "int4",  "fp4",  "e8m0"};
    const auto index = static_cast<std::size_t>(type);
    return index < names.size() ? names.at(index) : "type " + std::to_string(index);
}

Shape shape_of(const nvinfer1::Dims& sides) {
    Shape shape;
    for (int side = 0; side < sides.nbDims; ++side) {
        shape.push_back(sides.d[side]);
    }
    return shape;
}

std::map<std::string, EngineTensor> tensors_in(const ICudaEngine& engine) {
    std::map<std::string, EngineTensor> tensors;
    for (int index = 0; index < engine.getNbIOTensors(); ++index) {
        const char* name = engine.getIOTensorName(index);
        tensors[name] = {engine.getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT,
                         type_name(engine.getTensorDataType(name)), shape_of(engine.getTensorShape(name))};
    }
    return tensors;
}

ShapeRange range_in(const ICudaEngine& engine, const char* name, int profile) {
    using nvinfer1::OptProfileSelector;
    const auto shape = [&](OptProfileSelector which) { return shape_of(engine.getProfileShape(name, profile, which)); };
    return {shape(OptProfileSelector::kMIN), shape(OptProfileSelector::kOPT), shape(OptProfileSelector::kMAX)};
}

std::vector<Profile> profiles_in(const ICudaEngine& engine, bool conditioned) {
    std::vector<Profile> profiles;
    for (int index = 0; index < engine.getNbOptimizationProfiles(); ++index) {
        Profile profile{range_in(engine, "image", index), std::nullopt};
        if (conditioned) {
            profile.candidates = range_in(engine, "candidates", index);
        }
        profiles.push_back(std::move(profile));
    }
    return profiles;
}

}  // namespace

TensorRTSession::TensorRTSession(std::string library, const std::string& plan, const Sidecar& sidecar)
    : library_(std::move(library)), sidecar_(sidecar) {
    tensorrt_logger().clear();
    runtime_.reset(nvinfer1::createInferRuntime(tensorrt_logger()));
    if (!runtime_) {
        throw UserError(library_ + " does not start: " + tensorrt_logger().first_error() + ".");
    }
    engine_.reset(runtime_->deserializeCudaEngine(plan.data(), plan.size()));
    require(engine_ != nullptr, "load the engine");
    check_tensors(library_, tensors_in(*engine_), sidecar.model);
    check_profiles(library_, profiles_in(*engine_, sidecar.model.conditioned), sidecar.engine.profiles);
}

std::size_t TensorRTSession::memory_size() const { return static_cast<std::size_t>(engine_->getDeviceMemorySizeV2()); }

std::unique_ptr<nvinfer1::IExecutionContext> TensorRTSession::new_context() const {
    constexpr auto given = nvinfer1::ExecutionContextAllocationStrategy::kUSER_MANAGED;
    return std::unique_ptr<nvinfer1::IExecutionContext>(engine_->createExecutionContext(given));
}

void TensorRTSession::require(bool done, const std::string& what) const {
    const std::string reason = done ? "" : tensorrt_logger().first_error();
    tensorrt_logger().clear();
    if (!done) {
        throw UserError(library_ + " could not " + what + ": " + reason + ".");
    }
}

void TensorRTSession::forget() { tensorrt_logger().clear(); }

std::string loaded_tensorrt() {
    return std::to_string(getInferLibMajorVersion()) + "." + std::to_string(getInferLibMinorVersion()) + "." +
           std::to_string(getInferLibPatchVersion()) + "." + std::to_string(getInferLibBuildVersion());
}

}  // namespace swsss

#endif
