#include "labels/memory.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;

// The numbers of `serve/memory.py`, which says what they are; measured by `benchmarks/memory.py`.
constexpr double on_host = 24;
constexpr double a_pixel = on_host + 40;
constexpr double a_score = 4;
constexpr double a_decision = 12;
constexpr double a_seen_pixel = 450;
constexpr double an_attention = 10;
constexpr double features = 24;

constexpr double gib = 1 << 30;

double scored(const ModelInfo& info, std::int64_t candidates) {
    return static_cast<double>(info.conditioned && info.tag_penalty == 0
                                   ? candidates
                                   : static_cast<std::int64_t>(info.classes.size()));
}

/// Pixels that the net sees at its largest scale.
double seen(const ModelInfo& info, int height, int width) {
    const double reduced = std::min(1.0, static_cast<double>(info.max_side) / std::max(height, width));
    const double scale = info.scales.empty() ? 1.0 : *std::max_element(info.scales.begin(), info.scales.end());
    return static_cast<double>(height) * width * std::pow(reduced * scale, 2);
}

std::string advice(const ModelInfo& info) {
    const std::string told = !info.conditioned || info.tag_penalty != 0 ? "reduce the image"
                                                                        : "reduce the image, or name fewer tags";
    return info.attention > 0 ? told + ", or export the model with a smaller --max-side" : told;
}

/// The number in a file of a cgroup; none where there is no limit.
std::int64_t limit_in(const fs::path& path) {
    std::ifstream file(path);
    std::string text;
    file >> text;
    const bool decimal = !text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == std::string::npos;
    return decimal ? std::stoll(text) : 0;
}

/// Where the limits of this process may be written: of its group, and of those around it.
std::vector<fs::path> cgroup_files() {
    std::vector<std::string> lines{"0::/", "0:memory:/"};
    std::ifstream own("/proc/self/cgroup");
    for (std::string line; std::getline(own, line);) {
        lines.push_back(line);
    }
    std::vector<fs::path> files;
    for (const std::string& line : lines) {
        const auto first = line.find(':');
        const auto second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos || line.find("..") != std::string::npos) {
            continue;
        }
        const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
        if (controllers != ",," && controllers.find(",memory,") == std::string::npos) {
            continue;
        }
        const bool old = controllers != ",,";
        fs::path group = fs::path("/sys/fs/cgroup") / (old ? "memory" : "");
        files.push_back(group / (old ? "memory.limit_in_bytes" : "memory.max"));
        for (const fs::path& part : fs::path(line.substr(second + 1)).relative_path()) {
            group /= part;
            files.push_back(group / (old ? "memory.limit_in_bytes" : "memory.max"));
        }
    }
    return files;
}

}  // namespace

double largest_tensor(const ModelInfo& info, int height, int width, std::int64_t candidates) {
    const double pixels = seen(info, height, width);
    return std::max({static_cast<double>(height) * width * std::max(3.0, scored(info, candidates)), pixels * features,
                     info.attention * pixels * pixels});
}

double image_cost(const ModelInfo& info, int height, int width, std::int64_t candidates) {
    const double pixels = seen(info, height, width);
    const double views = static_cast<double>(info.scales.size()) * info.nets;
    return static_cast<double>(height) * width * (a_pixel + scored(info, candidates) * (a_decision + a_score * views)) +
           pixels * a_seen_pixel + info.attention * pixels * pixels * an_attention;
}

std::int64_t check_image(const ModelInfo& info, int height, int width, std::int64_t candidates, std::int64_t total,
                         bool on_gpu) {
    const auto classes = static_cast<std::int64_t>(scored(info, candidates));
    const std::string what = std::to_string(width) + "×" + std::to_string(height) + " pixels with " +
                             std::to_string(classes) + (classes == 1 ? " class" : " classes");
    if (largest_tensor(info, height, width, candidates) > static_cast<double>(max_elements)) {
        throw UserError(what + " are more than a tensor of this model can hold; " + advice(info) + ".");
    }
    const double needed =
        on_gpu ? on_host * static_cast<double>(height) * width : image_cost(info, height, width, candidates);
    if (needed > static_cast<double>(total)) {
        throw UserError(what + " need about " + fixed(needed / gib, 1) + " GiB of memory, more than the " +
                        fixed(static_cast<double>(total) / gib, 1) + " GiB there are for images (--max-memory); " +
                        advice(info) + ".");
    }
    return static_cast<std::int64_t>(needed);
}

std::int64_t available_memory() {
    std::int64_t least = std::int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGE_SIZE);
    for (const fs::path& file : cgroup_files()) {
        if (const std::int64_t limit = limit_in(file); limit > 0) {
            least = std::min(least, limit);
        }
    }
    return least;
}

MemoryBudget::Held MemoryBudget::take(std::int64_t ticket, std::int64_t bytes) {
    bytes = std::min(bytes, total_);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
        const bool turn = ticket == next_;
        wanted_ = wanted_ || (turn && bytes > left_);
        return closed_ || (turn && bytes <= left_);
    });
    wanted_ = false;
    next_ = ticket + 1;
    left_ -= bytes;
    changed_.notify_all();
    return {*this, bytes};
}

bool MemoryBudget::take_now(std::int64_t bytes, Held& held) {
    const std::lock_guard lock(mutex_);
    if (bytes > left_ || wanted_) {
        return false;
    }
    left_ -= bytes;
    held = Held(*this, bytes);
    return true;
}

bool MemoryBudget::is_wanted() {
    const std::lock_guard lock(mutex_);
    return wanted_;
}

void MemoryBudget::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
}

void MemoryBudget::give_back(std::int64_t bytes) {
    const std::lock_guard lock(mutex_);
    left_ += bytes;
    changed_.notify_all();
}

}  // namespace swsss
