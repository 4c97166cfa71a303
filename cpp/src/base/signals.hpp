/// The user's wish to stop.
#pragma once

#include <csignal>

namespace swsss {

/// Turns the first SIGINT or SIGTERM into a flag that the loop looks at between two images; a second one kills.
class StopSignals {
  public:
    StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;
    StopSignals(StopSignals&&) = delete;
    StopSignals& operator=(StopSignals&&) = delete;
    ~StopSignals();

    /// Whether one came.
    [[nodiscard]] static bool seen() noexcept;

  private:
    struct sigaction interrupt_ {};
    struct sigaction terminate_ {};
};

}  // namespace swsss
