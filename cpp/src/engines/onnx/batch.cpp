#include "engines/onnx/batch.hpp"

#include <onnxruntime_run_options_config_keys.h>

#include <algorithm>
#include <array>
#include <cassert>

namespace swsss {
namespace {

/// Bytes of pixels.
constexpr std::size_t large = std::size_t{3} << 21;

std::size_t size_of(const Image& image) {
    return static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width);
}

Labels empty_labels(const Image& image) {
    Labels labels{{image.height, image.width, {}}, {image.height, image.width, {}}};
    labels.mask.values.resize(size_of(image));
    labels.confidence.values.resize(size_of(image));
    return labels;
}

}  // namespace

CandidateTable pad(std::span<const Candidates> candidates) {
    CandidateTable table;
    for (const Candidates& ids : candidates) {
        table.slots = std::max(table.slots, static_cast<std::int64_t>(ids.size()));
    }
    for (const Candidates& ids : candidates) {
        table.ids.insert(table.ids.end(), ids.begin(), ids.end());
        table.ids.insert(table.ids.end(), static_cast<std::size_t>(table.slots) - ids.size(), -1);
    }
    return table;
}

OnnxBatch::OnnxBatch(Ort::Session& session, bool conditioned, bool gpu)
    : session_(session),
      conditioned_(conditioned),
      gpu_(gpu),
      memory_(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault)) {
    if (gpu_) {
        memory_ = Ort::MemoryInfo("CudaPinned", OrtDeviceAllocator, 0, OrtMemTypeCPUOutput);
        pinned_.emplace(session_, memory_);
    }
}

std::vector<Labels> OnnxBatch::run(std::span<const Image* const> images, std::span<const Candidates> candidates) {
    assert(!images.empty());
    return images.size() == 1 && !gpu_ ? run_in_place(*images[0], candidates[0]) : run_packed(images, candidates);
}

std::vector<Labels> OnnxBatch::run_in_place(const Image& image, const Candidates& candidates) {
    std::vector<Labels> labels{empty_labels(image)};
    CandidateTable table = pad({&candidates, 1});
    // ONNX Runtime takes inputs by pointer to non-const and does not write to them.
    auto* pixels = const_cast<std::uint8_t*>(image.pixels.data());  // NOLINT(*-const-cast)
    call({pixels, image.pixels.size()}, table, labels[0].mask.values, labels[0].confidence.values, image, 1);
    return labels;
}

std::vector<Labels> OnnxBatch::run_packed(std::span<const Image* const> images,
                                          std::span<const Candidates> candidates) {
    const std::size_t count = images.size();
    const std::size_t size = size_of(*images[0]);
    const std::span<std::uint8_t> memory = reserve(count * size * 5);
    const auto pixels = memory.first(count * size * 3);
    const auto masks = memory.subspan(count * size * 3, count * size);
    const auto confidences = memory.subspan(count * size * 4, count * size);
    for (std::size_t index = 0; index < count; ++index) {
        assert(images[index]->pixels.size() == size * 3);
        std::copy(images[index]->pixels.begin(), images[index]->pixels.end(), pixels.subspan(index * size * 3).begin());
    }
    CandidateTable table = pad(candidates);
    call(pixels, table, masks, confidences, *images[0], static_cast<std::int64_t>(count));
    std::vector<Labels> labels;
    for (std::size_t index = 0; index < count; ++index) {
        labels.push_back(empty_labels(*images[0]));
        const auto mask = masks.subspan(index * size, size);
        const auto confidence = confidences.subspan(index * size, size);
        std::copy(mask.begin(), mask.end(), labels[index].mask.values.begin());
        std::copy(confidence.begin(), confidence.end(), labels[index].confidence.values.begin());
    }
    return labels;
}

std::span<std::uint8_t> OnnxBatch::reserve(std::size_t bytes) {
    if (!gpu_) {
        packed_.resize(std::max(packed_.size(), bytes));
        return packed_;
    }
    if (!kept_ || kept_->size() < bytes) {
        kept_.reset();
        kept_.emplace(pinned_->GetAllocation(bytes));
    }
    return {static_cast<std::uint8_t*>(kept_->get()), kept_->size()};
}

void OnnxBatch::call(std::span<std::uint8_t> pixels, CandidateTable& table, std::span<std::uint8_t> masks,
                     std::span<std::uint8_t> confidences, const Image& first, std::int64_t count) {
    const std::array<std::int64_t, 4> image_shape{count, first.height, first.width, 3};
    const std::array<std::int64_t, 2> slots_shape{count, table.slots};
    const Ort::MemoryInfo host = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const auto labels = [&](std::span<std::uint8_t> values) {
        return Ort::Value::CreateTensor<std::uint8_t>(memory_, values.data(), values.size(), image_shape.data(), 3);
    };
    std::vector<Ort::Value> inputs;
    inputs.push_back(
        Ort::Value::CreateTensor<std::uint8_t>(memory_, pixels.data(), pixels.size(), image_shape.data(), 4));
    if (conditioned_) {
        inputs.push_back(
            Ort::Value::CreateTensor<std::int64_t>(host, table.ids.data(), table.ids.size(), slots_shape.data(), 2));
    }
    std::array<Ort::Value, 2> outputs{labels(masks), labels(confidences)};
    static constexpr std::array<const char*, 2> input_names{"image", "candidates"};
    static constexpr std::array<const char*, 2> output_names{"mask", "confidence"};
    Ort::RunOptions options;
    if (pixels.size() > large) {
        // ONNX Runtime keeps what it has taken for the next call; after a large image it is to give it back.
        options.AddConfigEntry(kOrtRunOptionsConfigEnableMemoryArenaShrinkage, "cpu:0");
    }
    session_.Run(options, input_names.data(), inputs.data(), inputs.size(), output_names.data(),
                 outputs.data(), outputs.size());
}

}  // namespace swsss
