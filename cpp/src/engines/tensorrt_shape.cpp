#ifdef SWSSS_WITH_TENSORRT

#include "engines/tensorrt_shape.hpp"

#include <algorithm>
#include <cassert>
#include <initializer_list>
#include <iterator>
#include <string>

#include "base/text.hpp"

namespace swsss {
namespace {

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
