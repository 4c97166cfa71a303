/// Where the time of a run goes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "labels/pipeline.hpp"

namespace swsss {

/// Tells, when asked to, how long the stages of a run took.
class Profile {
  public:
    Profile(bool wanted, std::function<void(const std::string&)> tell);

    /// The images are labelled: seconds of each stage over all its threads, and how many images in how many seconds.
    void labelled(const Times& times, std::int64_t images, double seconds);

    /// Manifest, formats and report are written.
    void finished();

  private:
    using Clock = std::chrono::steady_clock;

    bool wanted_;
    std::function<void(const std::string&)> tell_;
    Clock::time_point labelled_ = Clock::now();
};

}  // namespace swsss
