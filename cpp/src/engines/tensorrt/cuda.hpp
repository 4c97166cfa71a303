/// What is used of CUDA's runtime, owned. Only for builds with TensorRT.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>

#include "engines/tensorrt/checks.hpp"

namespace swsss {

/// CUDA could not do what it was asked to: out of memory, most likely.
class CudaError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// @param what What was to be done, as "reserve memory".
/// @throws CudaError The status is an error.
void must(cudaError_t status, const char* what);

/// Gives a handle back; errors at the end cannot be helped.
template <auto function>
struct Releaser {
    template <typename Handle>
    void operator()(Handle* handle) const noexcept {
        static_cast<void>(function(handle));
    }
};

template <typename Handle, auto function>
using CudaHandle = std::unique_ptr<std::remove_pointer_t<Handle>, Releaser<function>>;

using DeviceMemory = CudaHandle<void*, cudaFree>;
using PinnedMemory = CudaHandle<void*, cudaFreeHost>;
using Stream = CudaHandle<cudaStream_t, cudaStreamDestroy>;
using Event = CudaHandle<cudaEvent_t, cudaEventDestroy>;
using Graph = CudaHandle<cudaGraph_t, cudaGraphDestroy>;
using RunnableGraph = CudaHandle<cudaGraphExec_t, cudaGraphExecDestroy>;

/// Memory on the GPU, aligned to 256 bytes as TensorRT wants it; none for no bytes.
/// @throws CudaError There is not so much.
[[nodiscard]] DeviceMemory device_memory(std::size_t bytes);

/// Memory on the host that a GPU copies from and to while the host goes on; none for no bytes.
/// @throws CudaError There is not so much.
[[nodiscard]] PinnedMemory pinned_memory(std::size_t bytes);

/// A stream that does not wait for the default one.
[[nodiscard]] Stream new_stream();

/// An event that is waited for asleep: a thread that spins would take a core from decoding and writing.
[[nodiscard]] Event new_event();

/// The GPU that CUDA uses; none when there is none or its driver does not work.
[[nodiscard]] std::optional<Gpu> current_gpu();

}  // namespace swsss
