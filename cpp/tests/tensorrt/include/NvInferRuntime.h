/// As much of TensorRT's runtime as swsss uses, for tests without it; `fake_tensorrt.cpp` implements it.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#define NV_TENSORRT_MAJOR 11

// NOLINTBEGIN(*-avoid-c-arrays,*-special-member-functions,readability-identifier-naming): as NVIDIA has them

std::int32_t getInferLibMajorVersion() noexcept;
std::int32_t getInferLibMinorVersion() noexcept;
std::int32_t getInferLibPatchVersion() noexcept;
std::int32_t getInferLibBuildVersion() noexcept;

namespace nvinfer1 {

using AsciiChar = char;

struct Dims {
    static constexpr std::int32_t MAX_DIMS{8};
    std::int32_t nbDims;
    std::int64_t d[MAX_DIMS];
};

enum class DataType : std::int32_t { kFLOAT = 0, kINT32 = 3, kUINT8 = 5, kINT64 = 8 };
enum class TensorIOMode : std::int32_t { kNONE, kINPUT, kOUTPUT };
enum class OptProfileSelector : std::int32_t { kMIN, kOPT, kMAX };
enum class ExecutionContextAllocationStrategy : std::int32_t { kSTATIC, kON_PROFILE_CHANGE, kUSER_MANAGED };

class ILogger {
  public:
    enum class Severity : std::int32_t { kINTERNAL_ERROR, kERROR, kWARNING, kINFO, kVERBOSE };
    virtual ~ILogger() = default;
    virtual void log(Severity severity, const AsciiChar* message) noexcept = 0;
};

class IExecutionContext {
  public:
    virtual ~IExecutionContext() noexcept = default;
    virtual void setDeviceMemoryV2(void* memory, std::int64_t size) noexcept = 0;
    [[nodiscard]] virtual std::int32_t getOptimizationProfile() const noexcept = 0;
    virtual bool setOptimizationProfileAsync(std::int32_t index, cudaStream_t stream) noexcept = 0;
    virtual bool setInputShape(const char* name, const Dims& sides) noexcept = 0;
    [[nodiscard]] virtual Dims getTensorShape(const char* name) const noexcept = 0;
    virtual bool setTensorAddress(const char* name, void* data) noexcept = 0;
    virtual bool enqueueV3(cudaStream_t stream) noexcept = 0;
};

class ICudaEngine {
  public:
    virtual ~ICudaEngine() noexcept = default;
    [[nodiscard]] virtual std::int32_t getNbIOTensors() const noexcept = 0;
    [[nodiscard]] virtual const char* getIOTensorName(std::int32_t index) const noexcept = 0;
    [[nodiscard]] virtual TensorIOMode getTensorIOMode(const char* name) const noexcept = 0;
    [[nodiscard]] virtual DataType getTensorDataType(const char* name) const noexcept = 0;
    [[nodiscard]] virtual Dims getTensorShape(const char* name) const noexcept = 0;
    [[nodiscard]] virtual std::int32_t getNbOptimizationProfiles() const noexcept = 0;
    [[nodiscard]] virtual Dims getProfileShape(const char* name, std::int32_t index,
                                               OptProfileSelector which) const noexcept = 0;
    [[nodiscard]] virtual std::int64_t getDeviceMemorySizeV2() const noexcept = 0;
    virtual IExecutionContext* createExecutionContext(ExecutionContextAllocationStrategy strategy) noexcept = 0;
};

class IRuntime {
  public:
    virtual ~IRuntime() noexcept = default;
    virtual ICudaEngine* deserializeCudaEngine(const void* blob, std::size_t size) noexcept = 0;
};

IRuntime* createInferRuntime(ILogger& logger) noexcept;

}  // namespace nvinfer1

// NOLINTEND(*-avoid-c-arrays,*-special-member-functions,readability-identifier-naming)
