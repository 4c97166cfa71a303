#include "labels/settings.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

namespace swsss {

namespace {

constexpr double NO_QUOTA = std::numeric_limits<double>::infinity();

/// A whole number of microseconds, which "max" and -1 are not.
double microseconds(std::istream& text) {
    long long value = -1;
    return text >> value && value >= 0 ? static_cast<double>(value) : NO_QUOTA;
}

double quotient(std::istream& quota, std::istream& period) {
    const double time = microseconds(quota);
    const double length = microseconds(period);
    return length > 0 && length < NO_QUOTA ? time / length : NO_QUOTA;
}

double quota_of(const std::filesystem::path& folder, bool version_2) {
    if (version_2) {
        std::ifstream both(folder / "cpu.max");
        return quotient(both, both);
    }
    std::ifstream quota(folder / "cpu.cfs_quota_us");
    std::ifstream period(folder / "cpu.cfs_period_us");
    return quotient(quota, period);
}

}  // namespace

double cpu_quota(const std::filesystem::path& root) {
    std::ifstream groups(root / "proc/self/cgroup");
    double smallest = NO_QUOTA;
    for (std::string line; std::getline(groups, line);) {  // number:controllers:path
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first + 1);
        if (second == std::string::npos) {
            continue;
        }
        const std::string controllers = line.substr(first + 1, second - first - 1);
        // Version 2 has one tree without a name, version 1 a tree for each set of controllers.
        if (!controllers.empty() && ("," + controllers + ",").find(",cpu,") == std::string::npos) {
            continue;
        }
        // In a container the path may be the host's: groups that are not there have no quota, the mount itself may.
        const std::filesystem::path mount = root / "sys/fs/cgroup" / controllers;
        std::filesystem::path folder = mount;
        smallest = std::min(smallest, quota_of(folder, controllers.empty()));
        for (const auto& part : std::filesystem::path(line.substr(second + 1)).relative_path()) {
            if (part == "..") {
                break;
            }
            folder /= part;
            smallest = std::min(smallest, quota_of(folder, controllers.empty()));
        }
    }
    return smallest;
}

int cores(const std::filesystem::path& root) {
    cpu_set_t allowed;
    int count = static_cast<int>(std::thread::hardware_concurrency());  // more cores than a cpu_set_t holds
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        count = CPU_COUNT(&allowed);
    }
    return std::max(1, static_cast<int>(std::min<double>(count, std::ceil(cpu_quota(root)))));
}

int default_workers() { return std::clamp(cores(), 2, 8); }

}  // namespace swsss
