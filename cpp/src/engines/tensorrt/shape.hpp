/// What a worker keeps of a shape: memory on a GPU and its pinned mirror on the host, and from its second batch on a
/// context and a graph. Only for builds with TensorRT.
#pragma once

#include <NvInferRuntime.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engines/profiles.hpp"
#include "engines/tensorrt/cuda.hpp"
#include "engines/tensorrt/session.hpp"
#include "swsss/engine.hpp"

namespace swsss {

/// Images of one size, and K slots for candidates each; none in a plain model.
struct BatchShape {
    BatchSize size;
    std::int64_t slots = 0;

    [[nodiscard]] std::size_t pixels() const;  ///< N · H · W
    [[nodiscard]] std::size_t ids() const;     ///< N · K

    friend bool operator==(const BatchShape&, const BatchShape&) = default;
};

/// Inputs and outputs of one shape.
class Buffers {
  public:
    /// @throws CudaError There is not enough memory.
    explicit Buffers(const BatchShape& shape);

    /// On the host: uint8 [N, H, W, 3], int64 [N, K], and twice uint8 [N, H, W].
    [[nodiscard]] std::span<std::uint8_t> pixels() const;
    [[nodiscard]] std::span<std::int64_t> candidates() const;
    [[nodiscard]] std::span<const std::uint8_t> masks() const;
    [[nodiscard]] std::span<const std::uint8_t> confidences() const;

    /// The same on the GPU.
    [[nodiscard]] void* device_pixels() const { return device_pixels_.get(); }
    [[nodiscard]] void* device_candidates() const { return device_candidates_.get(); }
    [[nodiscard]] void* device_masks() const { return device_labels_.get(); }
    [[nodiscard]] void* device_confidences() const;

    /// Let a stream copy the inputs to the GPU.
    void upload(cudaStream_t stream) const;

    /// Let a stream copy mask and confidence to the host: 2 bytes a pixel, at once.
    void download(cudaStream_t stream) const;

  private:
    [[nodiscard]] std::size_t confidences_at() const;
    [[nodiscard]] std::size_t label_bytes() const;
    [[nodiscard]] std::span<const std::uint8_t> labels_from(std::size_t offset) const;

    BatchShape shape_;
    DeviceMemory device_pixels_;
    DeviceMemory device_candidates_;
    DeviceMemory device_labels_;
    PinnedMemory pixels_;
    PinnedMemory candidates_;
    PinnedMemory labels_;
};

/// What a worker keeps of a shape.
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
