#include "base/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "base/text.hpp"

namespace swsss {
namespace {

constexpr double line_seconds = 10.0;   // between plain lines
constexpr double frame_seconds = 0.1;   // between changes on a terminal
constexpr std::int64_t bar_width = 20;  // characters

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
}

}  // namespace

Progress::Progress(std::string title, std::int64_t total)
    : title_(std::move(title)), total_(total), terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
    if (shown_) {
        std::cerr << "\n";
    }
}

void Progress::update(std::int64_t done, const std::string& note) {
    const Clock::time_point now = Clock::now();
    if (done != total_ && seconds_between(told_, now) < (terminal_ ? frame_seconds : line_seconds)) {
        return;
    }
    told_ = now;
    const double left =
        seconds_between(started_, now) / static_cast<double>(std::max<std::int64_t>(done, 1)) * double(total_ - done);
    const std::string count = std::to_string(done) + "/" + std::to_string(total_);
    if (!terminal_) {
        std::cerr << title_ + " " + count + ", " + fixed(left, 0) + " s left  " + note + "\n";
        return;
    }
    const auto filled = static_cast<std::size_t>(bar_width * done / std::max<std::int64_t>(total_, 1));
    const std::string bar = std::string(filled, '#') + std::string(bar_width - filled, '.');
    std::cerr << "\r\x1b[K" + title_ + " " + bar + " " + count + ", " + fixed(left, 0) + " s left  " + note
              << std::flush;
    shown_ = true;
}

}  // namespace swsss
