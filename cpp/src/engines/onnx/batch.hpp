/// Batches for an ONNX Runtime session: from images to tensors and back, with as few copies as there can be.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "swsss/engine.hpp"

namespace swsss {

/// Candidate lists as one table, padded with -1.
struct CandidateTable {
    std::vector<std::int64_t> ids;  ///< [N, K]
    std::int64_t slots = 0;         ///< K
};

/// Candidate lists side by side, padded to the longest.
[[nodiscard]] CandidateTable pad(std::span<const Candidates> candidates);

/// Runs a session on batches.
///
/// On a CPU a single image is read, and its labels are written, where they lie. For a GPU they go through pinned
/// memory, which is kept, so that a steady run allocates none; ONNX Runtime copies between it and the GPU, uint8 only.
class OnnxBatch {
  public:
    OnnxBatch(Ort::Session& session, bool conditioned, bool gpu);

    /// See `Engine::label`.
    [[nodiscard]] std::vector<Labels> run(std::span<const Image* const> images, std::span<const Candidates> candidates);

  private:
    /// Memory of at least so many bytes that stays.
    std::span<std::uint8_t> reserve(std::size_t bytes);
    [[nodiscard]] std::vector<Labels> run_in_place(const Image& image, const Candidates& candidates);
    [[nodiscard]] std::vector<Labels> run_packed(std::span<const Image* const> images,
                                                 std::span<const Candidates> candidates);
    void call(std::span<std::uint8_t> pixels, CandidateTable& table, std::span<std::uint8_t> masks,
              std::span<std::uint8_t> confidences, const Image& first, std::int64_t count);

    Ort::Session& session_;
    bool conditioned_;
    bool gpu_;
    Ort::MemoryInfo memory_;
    std::optional<Ort::Allocator> pinned_;
    std::optional<Ort::MemoryAllocation> kept_;
    std::vector<std::uint8_t> packed_;
};

}  // namespace swsss
