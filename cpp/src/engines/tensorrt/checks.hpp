/// Whether an engine runs here, and is what its sidecar says. No CUDA in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engines/sidecar.hpp"

namespace swsss {

/// The GPU that CUDA uses.
struct Gpu {
    std::string name;  ///< For people.
    int major = 0;     ///< Of its compute capability.
    int minor = 0;

    /// As it is written, "8.9".
    [[nodiscard]] std::string compute_capability() const;
};

/// Where an engine is to run.
struct Machine {
    std::string version;     ///< Of TensorRT, "11.1.0.106".
    std::optional<Gpu> gpu;  ///< None when there is none or its driver does not work.
    std::string platform;    ///< Operating system and processor, "linux-x86_64".
};

/// Operating system and processor, "linux-x86_64".
[[nodiscard]] std::string this_platform();

/// Hold an engine against the machine.
/// @throws UserError It was made for another library, version, GPU or system.
void check_machine(const std::filesystem::path& path, const EngineInfo& built, const Machine& machine);

/// An input or output of an engine; -1 stands for a free side.
struct EngineTensor {
    bool input = false;
    std::string type;  ///< uint8, int64, ...
    Shape shape;

    friend bool operator==(const EngineTensor&, const EngineTensor&) = default;
};

/// Hold the inputs and outputs of an engine, by name, against those its model has (DESIGN §4).
/// @param library Name and version, for messages.
/// @throws UserError It has others.
void check_tensors(const std::string& library, const std::map<std::string, EngineTensor>& found,
                   const ModelInfo& model);

/// Hold the profiles of an engine against those of its sidecar.
/// @throws UserError It has others.
void check_profiles(const std::string& library, const std::vector<Profile>& found, const std::vector<Profile>& wanted);

/// What to tell when images are too large for every profile.
[[nodiscard]] std::string too_large(const std::vector<Profile>& profiles, const BatchSize& batch);

}  // namespace swsss
