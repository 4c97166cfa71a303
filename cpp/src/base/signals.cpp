#include "base/signals.hpp"

#include <atomic>

namespace swsss {
namespace {

std::atomic<bool> stop{false};  // NOLINT(*-non-const-global-variables): all that a handler may write to
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may take no lock");

extern "C" void remember(int /*signal*/) { stop.store(true); }

struct sigaction once() {
    struct sigaction action {};
    action.sa_handler = remember;                 // NOLINT(*-union-access): POSIX says so
    action.sa_flags = SA_RESETHAND | SA_RESTART;  // NOLINT(*-signed-bitwise): likewise
    return action;
}

}  // namespace

StopSignals::StopSignals() {
    stop.store(false);
    const struct sigaction action = once();
    sigaction(SIGINT, &action, &interrupt_);
    sigaction(SIGTERM, &action, &terminate_);
}

StopSignals::~StopSignals() {
    sigaction(SIGINT, &interrupt_, nullptr);
    sigaction(SIGTERM, &terminate_, nullptr);
}

bool StopSignals::seen() noexcept { return stop.load(); }

}  // namespace swsss
