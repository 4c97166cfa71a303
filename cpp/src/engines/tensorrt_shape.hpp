/// What a worker keeps of a shape: memory, and from its second batch on a context and a graph. Only for builds with
/// TensorRT.
#pragma once

#include <NvInferRuntime.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "engines/tensorrt_buffers.hpp"
#include "engines/tensorrt_cuda.hpp"
#include "engines/tensorrt_session.hpp"
#include "swsss/engine.hpp"

namespace swsss {

struct KnownShape {
    /// @throws CudaError There is not enough memory.
    KnownShape(const BatchShape& shape_, std::size_t profile_) : shape(shape_), profile(profile_), buffers(shape_) {}

    BatchShape shape;
    std::size_t profile;  ///< Index of the engine's.
    Buffers buffers;
    bool again = false;      ///< Whether it came before.
    bool capturable = true;  ///< Unless it was tried, and could not be.
    std::unique_ptr<nvinfer1::IExecutionContext> context;
    RunnableGraph graph;
};

/// Put images and candidates, padded with -1, into the memory on the host.
void fill(const KnownShape& known, std::span<const Image* const> images, std::span<const Candidates> candidates);

/// Append the labels that lie in the memory on the host.
void take(const KnownShape& known, std::vector<Labels>& labels);

/// Tell a context profile, shapes and addresses.
/// @throws UserError It refuses one of them, or would write more than there is room for.
void bind(const TensorRTSession& session, nvinfer1::IExecutionContext& context, const KnownShape& known,
          cudaStream_t stream);

}  // namespace swsss
