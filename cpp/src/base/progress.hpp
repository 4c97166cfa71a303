/// Progress of long work: a line that changes on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace swsss {

/// Tells on standard error how far a work is.
class Progress {
  public:
    Progress(std::string title, std::int64_t total);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    Progress(Progress&&) = delete;
    Progress& operator=(Progress&&) = delete;
    ~Progress();

    /// Tell how far it is; `note` stands at the end.
    void update(std::int64_t done, const std::string& note = "");

  private:
    using Clock = std::chrono::steady_clock;

    std::string title_;
    std::int64_t total_;
    Clock::time_point started_ = Clock::now();
    Clock::time_point told_ = started_;
    bool terminal_;
    bool shown_ = false;
};

}  // namespace swsss
