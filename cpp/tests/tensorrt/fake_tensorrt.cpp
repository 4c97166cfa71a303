/// TensorRT's runtime: refuses what TensorRT refuses (shapes outside the profile or of another one, addresses that are
/// missing or not aligned, a capture without a warm-up), and fails where TensorRT leaves open what happens (a graph
/// whose context has changed). The net: a pixel's class is the candidate its red value chooses.

#include <NvInferRuntime.h>

#include <algorithm>
#include <memory>

#include "fake_gpu.hpp"

namespace {

using nvinfer1::Dims;
using swsss::fake_gpu;
using swsss::Shape;

nvinfer1::ILogger* logger = nullptr;  // NOLINT(*-avoid-non-const-global-variables): as TensorRT has one

bool refuse(const char* why) {
    logger->log(nvinfer1::ILogger::Severity::kWARNING, "a warning");
    logger->log(nvinfer1::ILogger::Severity::kERROR, why);
    logger->log(nvinfer1::ILogger::Severity::kERROR, "a consequence.");
    return false;
}

Dims dims(const Shape& shape) {
    Dims made{static_cast<std::int32_t>(shape.size()), {}};
    std::copy(shape.begin(), shape.end(), std::begin(made.d));
    return made;
}

Shape shape_of(const Dims& sides) { return {sides.d, sides.d + sides.nbDims}; }

/// What a context was told. Work that waits holds it, as it holds what a graph was captured from.
struct Setting {
    int number = 0;
    int profile = 0;
    int changes = 0;  ///< Of profile, shapes or addresses.
    std::map<std::string, Shape> shapes;
    std::map<std::string, void*> addresses;
};

void compute_image(const Setting& told, std::int64_t image) {
    const Shape& shape = told.shapes.at("image");
    const std::int64_t size = shape[1] * shape[2];
    const auto* pixels = static_cast<const std::uint8_t*>(told.addresses.at("image")) + image * size * 3;
    auto* mask = static_cast<std::uint8_t*>(told.addresses.at("mask")) + image * size;
    auto* confidence = static_cast<std::uint8_t*>(told.addresses.at("confidence")) + image * size;
    Shape ids;
    const auto slots = told.addresses.find("candidates");
    for (std::int64_t slot = 0; slots != told.addresses.end() && slot < told.shapes.at("candidates")[1]; ++slot) {
        ids.push_back(static_cast<const std::int64_t*>(slots->second)[image * told.shapes.at("candidates")[1] + slot]);
    }
    ids.erase(std::remove(ids.begin(), ids.end(), -1), ids.end());
    for (std::int64_t pixel = 0; pixel < size; ++pixel) {
        const auto red = pixels[3 * pixel];
        const auto chosen = ids.empty() ? red : ids[red % ids.size()];
        mask[pixel] = static_cast<std::uint8_t>(chosen);
        confidence[pixel] = pixels[3 * pixel + 1];
    }
}

class Context final : public nvinfer1::IExecutionContext {
  public:
    explicit Context(int number) { told_->number = number; }
    ~Context() noexcept override { ++told_->changes; }

    void setDeviceMemoryV2(void* memory, std::int64_t /*size*/) noexcept override { memory_ = memory; }
    [[nodiscard]] std::int32_t getOptimizationProfile() const noexcept override { return told_->profile; }

    bool setOptimizationProfileAsync(std::int32_t index, cudaStream_t /*stream*/) noexcept override {
        told_->profile = index;
        told_->shapes.clear();
        change();
        fake_gpu().switches.push_back(index);
        return static_cast<std::size_t>(index) < fake_gpu().profiles.size();
    }

    bool setInputShape(const char* name, const Dims& sides) noexcept override {
        const auto& profile = fake_gpu().profiles.at(static_cast<std::size_t>(told_->profile));
        const Shape shape = shape_of(sides);
        if (!(std::string(name) == "image" ? profile.image : profile.candidates.value()).holds(shape)) {
            return refuse("it is outside the profile.\nmore");
        }
        if (told_->shapes[name] != shape) {
            told_->shapes[name] = shape;
            change();
        }
        return true;
    }

    [[nodiscard]] Dims getTensorShape(const char* name) const noexcept override {
        Shape shape = told_->shapes.at(fake_gpu().tensors.at(name).input ? name : "image");
        shape.resize(fake_gpu().tensors.at(name).shape.size());
        shape[0] += fake_gpu().larger_outputs ? 1 : 0;
        return dims(shape);
    }

    bool setTensorAddress(const char* name, void* data) noexcept override {
        if (reinterpret_cast<std::uintptr_t>(data) % 256 != 0) {
            return refuse("the address is not aligned");
        }
        if (told_->addresses[name] != data) {
            told_->addresses[name] = data;
            change();
        }
        return true;
    }

    bool enqueueV3(cudaStream_t stream) noexcept override {
        const std::size_t inputs = fake_gpu().tensors.count("candidates") + 1;
        if (fake_gpu().broken || memory_ == nullptr || told_->addresses.size() != inputs + 2 ||
            told_->shapes.size() != inputs) {
            return refuse("an illegal memory access was encountered.");
        }
        const bool capturing = swsss::is_capturing(stream);
        if (capturing && (!warm_ || !fake_gpu().capturable)) {
            swsss::invalidate(stream);
            return refuse("operation not permitted when stream is capturing");
        }
        warm_ = true;
        swsss::push(stream, [told = told_, changes = told_->changes, then = *told_](bool in_graph) {
            const Shape& image = then.shapes.at("image");
            if (fake_gpu().failing || told->changes != changes) {
                return false;
            }
            for (std::int64_t index = 0; index < image[0]; ++index) {
                compute_image(then, index);
            }
            fake_gpu().computed.push_back({then.number, then.profile, image, in_graph});
            return true;
        });
        return true;
    }

  private:
    void change() {
        ++told_->changes;
        warm_ = false;
    }

    std::shared_ptr<Setting> told_ = std::make_shared<Setting>();
    void* memory_ = nullptr;
    bool warm_ = false;
};

class Engine final : public nvinfer1::ICudaEngine {
  public:
    [[nodiscard]] std::int32_t getNbIOTensors() const noexcept override {
        return static_cast<std::int32_t>(fake_gpu().tensors.size());
    }
    [[nodiscard]] const char* getIOTensorName(std::int32_t index) const noexcept override {
        return std::next(fake_gpu().tensors.begin(), index)->first.c_str();
    }
    [[nodiscard]] nvinfer1::TensorIOMode getTensorIOMode(const char* name) const noexcept override {
        using nvinfer1::TensorIOMode;
        return fake_gpu().tensors.at(name).input ? TensorIOMode::kINPUT : TensorIOMode::kOUTPUT;
    }
    [[nodiscard]] nvinfer1::DataType getTensorDataType(const char* name) const noexcept override {
        const std::string& type = fake_gpu().tensors.at(name).type;
        using nvinfer1::DataType;
        return type == "uint8" ? DataType::kUINT8 : type == "int64" ? DataType::kINT64 : DataType::kINT32;
    }
    [[nodiscard]] Dims getTensorShape(const char* name) const noexcept override {
        return dims(fake_gpu().tensors.at(name).shape);
    }
    [[nodiscard]] std::int32_t getNbOptimizationProfiles() const noexcept override {
        return static_cast<std::int32_t>(fake_gpu().profiles.size());
    }
    [[nodiscard]] Dims getProfileShape(const char* name, std::int32_t index,
                                       nvinfer1::OptProfileSelector which) const noexcept override {
        const auto& profile = fake_gpu().profiles.at(static_cast<std::size_t>(index));
        const auto& range = std::string(name) == "image" ? profile.image : profile.candidates.value();
        using nvinfer1::OptProfileSelector;
        return dims(which == OptProfileSelector::kMIN   ? range.min
                    : which == OptProfileSelector::kOPT ? range.opt
                                                        : range.max);
    }
    [[nodiscard]] std::int64_t getDeviceMemorySizeV2() const noexcept override { return 1000; }
    nvinfer1::IExecutionContext* createExecutionContext(
        nvinfer1::ExecutionContextAllocationStrategy /*strategy*/) noexcept override {
        if (fake_gpu().contexts == fake_gpu().contexts_allowed) {
            refuse("out of memory");
            return nullptr;
        }
        return new Context(fake_gpu().contexts++);
    }
};

class Runtime final : public nvinfer1::IRuntime {
  public:
    nvinfer1::ICudaEngine* deserializeCudaEngine(const void* /*blob*/, std::size_t /*size*/) noexcept override {
        if (!fake_gpu().loads) {
            refuse("the plan is of another planet.");
            return nullptr;
        }
        return new Engine;
    }
};

}  // namespace

std::int32_t getInferLibMajorVersion() noexcept { return 11; }
std::int32_t getInferLibMinorVersion() noexcept { return 4; }
std::int32_t getInferLibPatchVersion() noexcept { return 0; }
std::int32_t getInferLibBuildVersion() noexcept { return 106; }

nvinfer1::IRuntime* nvinfer1::createInferRuntime(ILogger& given) noexcept {
    logger = &given;
    if (!fake_gpu().starts) {
        refuse("CUDA driver version is insufficient for CUDA runtime version");
        return nullptr;
    }
    return new Runtime;
}
