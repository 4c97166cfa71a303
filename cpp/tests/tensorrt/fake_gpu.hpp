/// A GPU that is none: what the tests set, and what they look at.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "engines/profiles.hpp"
#include "engines/tensorrt/checks.hpp"

namespace swsss {

/// What an enqueue or a node of a graph computed.
struct Computed {
    int context = 0;  ///< Numbered as they were made.
    int profile = 0;
    Shape image;
    bool graph = false;

    friend bool operator==(const Computed&, const Computed&) = default;
};

/// The machine and its library.
struct FakeGpu {
    bool present = true;
    std::size_t capacity = std::numeric_limits<std::size_t>::max();  ///< Bytes of its memory.
    bool starts = true;                                              ///< Whether there is a runtime.
    bool loads = true;                                               ///< Whether plans can be deserialised.
    int contexts_allowed = 99;                                       ///< How many can be made.
    bool broken = false;                                             ///< Whether kernels cannot be enqueued.
    bool failing = false;                                            ///< Whether they fail once they run.
    bool capturable = true;
    bool larger_outputs = false;
    std::map<std::string, EngineTensor> tensors;
    std::vector<Profile> profiles;

    std::size_t used = 0;
    int allocations = 0;
    int captures = 0;
    int contexts = 0;
    std::vector<int> switches;  ///< Profiles that contexts were switched to.
    std::vector<Computed> computed;
};

[[nodiscard]] FakeGpu& fake_gpu();

/// Work of a stream; true when it went well.
using Work = std::function<bool(bool in_graph)>;

/// Let a stream do something later: when it is waited for, or when the graph that is captured is launched.
void push(cudaStream_t stream, Work work);

[[nodiscard]] bool is_capturing(cudaStream_t stream);

/// Make the capture of a stream fail.
void invalidate(cudaStream_t stream);

}  // namespace swsss
