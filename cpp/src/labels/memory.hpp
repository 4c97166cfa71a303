/// The memory that labelling an image takes, and the budget that all images share: `swsss.serve.memory`, in C++.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

#include "swsss/model_info.hpp"

namespace swsss {

/// Numbers in a tensor. Beyond, ONNX Runtime's Resize counts in 32 bits, and ends the process.
inline constexpr std::int64_t max_elements = (std::int64_t{1} << 31) - 1;

/// Bytes that an image takes at most, from before it is decoded until its mask is written, on a CPU.
///
/// @param info The model.
/// @param height Of the image, in pixels.
/// @param width Likewise.
/// @param candidates Classes it may hold, background included.
[[nodiscard]] double image_cost(const ModelInfo& info, int height, int width, std::int64_t candidates);

/// Numbers in the largest tensor while one image is labelled; see `image_cost`.
[[nodiscard]] double largest_tensor(const ModelInfo& info, int height, int width, std::int64_t candidates);

/// What an image costs, in bytes, unless it is too large.
///
/// @param total Bytes there are for all images.
/// @param on_gpu Whether only what it takes beside the GPU counts.
/// @throws UserError It takes more than `total`, or a tensor could not hold it.
[[nodiscard]] std::int64_t check_image(const ModelInfo& info, int height, int width, std::int64_t candidates,
                                       std::int64_t total, bool on_gpu);

/// Bytes of memory that this machine has, or the container (cgroup, version 1 or 2) it runs in, if that is less.
[[nodiscard]] std::int64_t available_memory();

/// Memory that images may take together, given in the order of their tickets: 0, 1, 2, ...
class MemoryBudget {
  public:
    /// A part of the budget, given back at its end.
    class Held {
      public:
        Held() = default;
        Held(MemoryBudget& budget, std::int64_t bytes) : budget_(&budget), bytes_(bytes) {}
        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;
        Held(Held&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
        Held& operator=(Held&& other) noexcept {
            std::swap(budget_, other.budget_);
            std::swap(bytes_, other.bytes_);
            return *this;
        }
        ~Held() {
            if (budget_ != nullptr) {
                budget_->give_back(bytes_);
            }
        }

      private:
        MemoryBudget* budget_ = nullptr;
        std::int64_t bytes_ = 0;
    };

    explicit MemoryBudget(std::int64_t total) : total_(total), left_(total) {}

    [[nodiscard]] std::int64_t total() const noexcept { return total_; }

    /// Wait for the turn of a ticket, and for so many bytes (at most all there are).
    [[nodiscard]] Held take(std::int64_t ticket, std::int64_t bytes);

    /// So many bytes, if they are there and nobody waits; whether they are held now.
    [[nodiscard]] bool take_now(std::int64_t bytes, Held& held);

    /// Whether somebody waits for bytes that others hold.
    [[nodiscard]] bool is_wanted();

    /// Let everybody who waits go on: the work is over.
    void close();

  private:
    void give_back(std::int64_t bytes);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::int64_t total_, left_;
    std::int64_t next_ = 0;
    bool wanted_ = false, closed_ = false;
};

}  // namespace swsss
