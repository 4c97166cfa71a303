#ifdef SWSSS_WITH_TENSORRT

#include "engines/tensorrt/shape.hpp"

#include <algorithm>
#include <cassert>
#include <initializer_list>
#include <iterator>
#include <string>

#include "base/text.hpp"

namespace swsss {
namespace {

/// TensorRT wants every address aligned to so many bytes.
constexpr std::size_t alignment = 256;

nvinfer1::Dims dims(std::initializer_list<std::int64_t> sides) {
    nvinfer1::Dims made{};
    made.nbDims = static_cast<std::int32_t>(sides.size());
    std::copy(sides.begin(), sides.end(), std::begin(made.d));
    return made;
}

std::span<const std::int64_t> sides_of(const nvinfer1::Dims& shape) {
    return std::span(shape.d).first(static_cast<std::size_t>(std::clamp(shape.nbDims, 0, nvinfer1::Dims::MAX_DIMS)));
}

bool equal(const nvinfer1::Dims& one, const nvinfer1::Dims& other) {
    const auto sides = sides_of(one);
    const auto others = sides_of(other);
    return std::equal(sides.begin(), sides.end(), others.begin(), others.end());
}

std::string say(const nvinfer1::Dims& shape) {
    std::vector<std::string> parts;
    for (const std::int64_t side : sides_of(shape)) {
        parts.push_back(std::to_string(side));
    }
    return "[" + join(parts, ", ") + "]";
}

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

void fill(const KnownShape& known, std::span<const Image* const> images, std::span<const Candidates> candidates) {
    const BatchShape& shape = known.shape;
    const Buffers& buffers = known.buffers;
    auto pixels = buffers.pixels().begin();
    for (const Image* image : images) {
        assert(image->height == shape.size.height && image->width == shape.size.width);
        assert(image->pixels.size() * images.size() == buffers.pixels().size());
        pixels = std::copy(image->pixels.begin(), image->pixels.end(), pixels);
    }
    if (shape.slots == 0) {
        return;
    }
    auto slots = buffers.candidates().begin();
    for (const Candidates& ids : candidates) {
        std::fill(std::copy(ids.begin(), ids.end(), slots), slots + shape.slots, -1);
        slots += shape.slots;
    }
}

void take(const KnownShape& known, std::vector<Labels>& labels) {
    const BatchSize& size = known.shape.size;
    const Buffers& buffers = known.buffers;
    const auto pixels = static_cast<std::size_t>(size.height * size.width);
    const auto plane = [&](std::span<const std::uint8_t> planes, std::size_t index) {
        const auto values = planes.subspan(index * pixels, pixels);
        return Plane{static_cast<int>(size.height), static_cast<int>(size.width), {values.begin(), values.end()}};
    };
    for (std::size_t index = 0; index < static_cast<std::size_t>(size.count); ++index) {
        labels.push_back({plane(buffers.masks(), index), plane(buffers.confidences(), index)});
    }
}

void bind(const TensorRTSession& session, nvinfer1::IExecutionContext& context, const KnownShape& known,
          cudaStream_t stream) {
    const auto profile = static_cast<std::int32_t>(known.profile);
    if (context.getOptimizationProfile() != profile) {
        session.require(context.setOptimizationProfileAsync(profile, stream), "switch its profile");
    }
    const auto& [count, height, width] = known.shape.size;
    const auto shape = [&](const char* name, const nvinfer1::Dims& sides) {
        session.require(context.setInputShape(name, sides), std::string("take ") + name + " " + say(sides));
    };
    shape("image", dims({count, height, width, 3}));
    if (known.shape.slots > 0) {
        shape("candidates", dims({count, known.shape.slots}));
    }
    const nvinfer1::Dims labels = dims({count, height, width});
    for (const char* name : {"mask", "confidence"}) {
        // More would be written beyond the buffer's end.
        session.require(equal(context.getTensorShape(name), labels),
                        std::string("keep ") + name + " at " + say(labels));
    }
    const auto address = [&](const char* name, void* data) {
        session.require(context.setTensorAddress(name, data), std::string("bind ") + name);
    };
    address("image", known.buffers.device_pixels());
    if (known.shape.slots > 0) {
        address("candidates", known.buffers.device_candidates());
    }
    address("mask", known.buffers.device_masks());
    address("confidence", known.buffers.device_confidences());
}

}  // namespace swsss

#endif
