#ifdef SWSSS_WITH_TENSORRT

#include "engines/tensorrt_buffers.hpp"

namespace swsss {
namespace {

/// TensorRT wants every address aligned to so many bytes.
constexpr std::size_t alignment = 256;

}  // namespace

std::size_t BatchShape::pixels() const { return static_cast<std::size_t>(size.count * size.height * size.width); }

std::size_t BatchShape::ids() const { return static_cast<std::size_t>(size.count * slots); }

Buffers::Buffers(const BatchShape& shape)
    : shape_(shape),
      device_pixels_(device_memory(shape.pixels() * 3)),
      device_candidates_(device_memory(shape.ids() * sizeof(std::int64_t))),
      device_labels_(device_memory(label_bytes())),
      pixels_(pinned_memory(shape.pixels() * 3)),
      candidates_(pinned_memory(shape.ids() * sizeof(std::int64_t))),
      labels_(pinned_memory(label_bytes())) {}

std::size_t Buffers::confidences_at() const { return (shape_.pixels() + alignment - 1) / alignment * alignment; }

std::size_t Buffers::label_bytes() const { return confidences_at() + shape_.pixels(); }

std::span<std::uint8_t> Buffers::pixels() const {
    return {static_cast<std::uint8_t*>(pixels_.get()), shape_.pixels() * 3};
}

std::span<std::int64_t> Buffers::candidates() const {
    return {static_cast<std::int64_t*>(candidates_.get()), shape_.ids()};
}

std::span<const std::uint8_t> Buffers::labels_from(std::size_t offset) const {
    return std::span(static_cast<const std::uint8_t*>(labels_.get()), label_bytes()).subspan(offset, shape_.pixels());
}

std::span<const std::uint8_t> Buffers::masks() const { return labels_from(0); }

std::span<const std::uint8_t> Buffers::confidences() const { return labels_from(confidences_at()); }

void* Buffers::device_confidences() const {
    return static_cast<std::uint8_t*>(device_labels_.get()) + confidences_at();
}

void Buffers::upload(cudaStream_t stream) const {
    const auto copy = [&](const DeviceMemory& to, const PinnedMemory& from, std::size_t bytes) {
        if (bytes > 0) {
            must(cudaMemcpyAsync(to.get(), from.get(), bytes, cudaMemcpyHostToDevice, stream), "copy to the GPU");
        }
    };
    copy(device_pixels_, pixels_, shape_.pixels() * 3);
    copy(device_candidates_, candidates_, shape_.ids() * sizeof(std::int64_t));
}

void Buffers::download(cudaStream_t stream) const {
    must(cudaMemcpyAsync(labels_.get(), device_labels_.get(), label_bytes(), cudaMemcpyDeviceToHost, stream),
         "copy from the GPU");
}

}  // namespace swsss

#endif
