/// Threads, chosen from the machine.
#pragma once

#include <filesystem>

namespace swsss {

/// CPUs that the control groups of this process may use at a time, as a container's quota sets it; infinite without one.
/// @param root Where proc/ and sys/ are; for tests.
[[nodiscard]] double cpu_quota(const std::filesystem::path& root = "/");

/// Cores this process may use, by its affinity and its quota, at least 1: a quota of 1.5 CPUs counts as 2 cores.
[[nodiscard]] int cores(const std::filesystem::path& root = "/");

/// Threads that decode, and as many that write.
[[nodiscard]] int default_workers();

}  // namespace swsss
