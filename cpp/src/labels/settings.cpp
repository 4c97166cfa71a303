#include "labels/settings.hpp"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace swsss {

int cores() {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        return std::max(1, CPU_COUNT(&allowed));
    }
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));  // more cores than a cpu_set_t holds
}

int default_workers() { return std::clamp(cores(), 2, 8); }

}  // namespace swsss
