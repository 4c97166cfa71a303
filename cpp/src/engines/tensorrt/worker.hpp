/// One worker of an engine: a stream, memory that stays, execution contexts and graphs. Only for builds with TensorRT.
#pragma once

#include <NvInferRuntime.h>

#include <cstddef>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "engines/tensorrt/cuda.hpp"
#include "engines/tensorrt/session.hpp"
#include "engines/tensorrt/shape.hpp"
#include "swsss/engine.hpp"

namespace swsss {

/// Labels batches; several can exist for one session, each used by one thread at a time.
///
/// A shape that comes once (photos of every size) is computed by a context that all shapes share. From its second batch
/// on a shape has a context of its own, whose work is captured in a CUDA graph: copying in, computing and copying out
/// are then one launch. A context of its own, because TensorRT leaves open what a graph does once its context was given
/// other shapes. All contexts compute in the same memory, one after the other.
class TensorRTWorker {
  public:
    /// @throws UserError The GPU's memory is too small for the engine's largest size.
    explicit TensorRTWorker(const TensorRTSession& session);

    /// See `Engine::label`; a batch larger than the engine takes is labelled in pieces.
    [[nodiscard]] std::vector<Labels> label(std::span<const Image* const> images,
                                            std::span<const Candidates> candidates);

  private:
    using Context = nvinfer1::IExecutionContext;

    [[nodiscard]] Choice choose(const BatchSize& batch) const;
    [[nodiscard]] KnownShape& known(const BatchShape& shape, std::size_t profile);
    [[nodiscard]] std::unique_ptr<Context> new_context() const;
    void compute(KnownShape& known);
    void give_context(KnownShape& known);
    void enqueue(Context& context, const Buffers& buffers);
    void wait();
    [[nodiscard]] RunnableGraph capture(KnownShape& known);

    const TensorRTSession& session_;
    Stream stream_;
    Event done_;
    DeviceMemory memory_;
    std::unique_ptr<Context> shared_;
    std::list<KnownShape> known_;  // the one used last first
};

}  // namespace swsss
