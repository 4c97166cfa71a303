/// Threads, chosen from the machine.
#pragma once

namespace swsss {

/// Cores this process may use.
[[nodiscard]] int cores();

/// Threads that decode, and as many that write.
[[nodiscard]] int default_workers();

}  // namespace swsss
