#ifdef SWSSS_WITH_TENSORRT

#include "engines/tensorrt/cuda.hpp"

#include <string>

namespace swsss {

void must(cudaError_t status, const char* what) {
    if (status != cudaSuccess) {
        // An error stays until it is asked for, and the next call would be blamed for it.
        static_cast<void>(cudaGetLastError());
        throw CudaError(std::string("CUDA could not ") + what + ": " + cudaGetErrorString(status) + ".");
    }
}

DeviceMemory device_memory(std::size_t bytes) {
    void* memory = nullptr;
    if (bytes > 0) {
        must(cudaMalloc(&memory, bytes), "reserve memory on the GPU");
    }
    return DeviceMemory(memory);
}

PinnedMemory pinned_memory(std::size_t bytes) {
    void* memory = nullptr;
    if (bytes > 0) {
        must(cudaMallocHost(&memory, bytes), "reserve pinned memory");
    }
    return PinnedMemory(memory);
}

Stream new_stream() {
    cudaStream_t stream = nullptr;
    must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "make a stream");
    return Stream(stream);
}

Event new_event() {
    cudaEvent_t event = nullptr;
    must(cudaEventCreateWithFlags(&event, cudaEventBlockingSync | cudaEventDisableTiming), "make an event");
    return Event(event);
}

std::optional<Gpu> current_gpu() {
    int count = 0;
    int device = 0;
    cudaDeviceProp properties{};
    if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0 || cudaGetDevice(&device) != cudaSuccess ||
        cudaGetDeviceProperties(&properties, device) != cudaSuccess) {
        static_cast<void>(cudaGetLastError());
        return std::nullopt;
    }
    return Gpu{static_cast<const char*>(properties.name), properties.major, properties.minor};
}

}  // namespace swsss

#endif
