/// CUDA's runtime in the memory of the host. A stream does nothing before it is waited for, so that results that are
/// taken too early, and memory that is given back too early, are noticed.

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "fake_gpu.hpp"

using swsss::fake_gpu;
using swsss::Work;

struct CUgraph_st {
    std::vector<Work> work;
};
struct CUgraphExec_st {
    std::vector<Work> work;
};
struct CUstream_st {
    std::vector<std::pair<Work, bool>> waiting;
    bool capturing = false;
    bool valid = true;
    std::vector<Work> captured;
};
struct CUevent_st {
    cudaStream_t stream = nullptr;
};

namespace {

cudaError_t last = cudaSuccess;  // NOLINT(*-avoid-non-const-global-variables): as CUDA has one

cudaError_t told(cudaError_t error) {
    if (error != cudaSuccess) {
        last = error;
    }
    return error;
}

std::unordered_map<void*, std::size_t>& sizes() {
    static std::unordered_map<void*, std::size_t> known;
    return known;
}

}  // namespace

namespace swsss {

FakeGpu& fake_gpu() {
    static FakeGpu gpu;
    return gpu;
}

void push(cudaStream_t stream, Work work) {
    if (stream->capturing) {
        stream->captured.push_back(std::move(work));
    } else {
        stream->waiting.emplace_back(std::move(work), false);
    }
}

bool is_capturing(cudaStream_t stream) { return stream->capturing; }

void invalidate(cudaStream_t stream) { stream->valid = false; }

}  // namespace swsss

cudaError_t cudaGetLastError() { return std::exchange(last, cudaSuccess); }

const char* cudaGetErrorString(cudaError_t error) {
    return error == cudaErrorMemoryAllocation ? "out of memory" : "unspecified launch failure";
}

cudaError_t cudaGetDeviceCount(int* count) {
    *count = fake_gpu().present ? 1 : 0;
    return told(fake_gpu().present ? cudaSuccess : cudaErrorNoDevice);
}

cudaError_t cudaGetDevice(int* device) {
    *device = 0;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int /*device*/) {
    std::strcpy(properties->name, "NVIDIA GeForce RTX 4090");
    properties->major = 8;
    properties->minor = 9;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
    if (bytes > fake_gpu().capacity - std::min(fake_gpu().used, fake_gpu().capacity)) {
        return told(cudaErrorMemoryAllocation);
    }
    *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    sizes()[*memory] = bytes;
    fake_gpu().used += bytes;
    ++fake_gpu().allocations;
    return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
    fake_gpu().used -= sizes().at(memory);
    sizes().erase(memory);
    std::free(memory);
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
    *memory = std::malloc(bytes);
    ++fake_gpu().allocations;
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void* memory) {
    std::free(memory);
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind /*kind*/,
                            cudaStream_t stream) {
    swsss::push(stream, [=](bool) {
        std::memcpy(to, from, bytes);
        return true;
    });
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned /*flags*/) {
    *stream = new CUstream_st;
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned /*flags*/) {
    *event = new CUevent_st;
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    event->stream = stream;
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    bool well = true;
    for (const auto& [work, in_graph] : std::exchange(event->stream->waiting, {})) {
        well = work(in_graph) && well;
    }
    return told(well ? cudaSuccess : cudaErrorLaunchFailure);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode /*mode*/) {
    stream->capturing = true;
    stream->valid = true;
    ++fake_gpu().captures;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    stream->capturing = false;
    auto captured = std::exchange(stream->captured, {});
    if (!stream->valid) {
        *graph = nullptr;
        return told(cudaErrorStreamCaptureInvalidated);
    }
    *graph = new CUgraph_st{std::move(captured)};
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* runnable, cudaGraph_t graph, unsigned long long /*flags*/) {
    *runnable = new CUgraphExec_st{graph->work};
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
    for (const Work& work : graph->work) {
        stream->waiting.emplace_back(work, true);
    }
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
    delete graph;
    return cudaSuccess;
}
