#include "engines/tensorrt/checks.hpp"

#include <sys/utsname.h>

#include <iterator>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

/// Whether "8.9" is the GPU's compute capability, or "8.0+" not above it.
bool runs_on(const std::string& built_for, const Gpu& gpu) {
    const auto capability = read_capability(built_for);
    if (!capability) {
        return false;
    }
    const auto built = std::tie(capability->major, capability->minor);
    const auto here = std::tie(gpu.major, gpu.minor);
    return capability->or_newer ? here >= built : here == built;
}

/// Whether a version that Python's package told is the library's own; the package may add ".post1".
bool is_version(const std::string& told, const std::string& own) { return told.substr(0, told.find(".post")) == own; }

std::map<std::string, EngineTensor> tensors_of(const ModelInfo& model) {
    const EngineTensor labels{false, "uint8", {-1, -1, -1}};
    std::map<std::string, EngineTensor> tensors{
        {"image", {true, "uint8", {-1, -1, -1, 3}}}, {"mask", labels}, {"confidence", labels}};
    if (model.conditioned) {
        tensors["candidates"] = {true, "int64", {-1, -1}};
    }
    return tensors;
}

/// Numbers between brackets, as Python writes lists and tuples.
std::string listed(const Shape& shape, char open, char close) {
    std::vector<std::string> sides;
    for (const std::int64_t side : shape) {
        sides.push_back(std::to_string(side));
    }
    return open + join(sides, ", ") + close;
}

std::string say(const std::string& name, const EngineTensor* tensor) {
    if (tensor == nullptr) {
        return "no " + name;
    }
    return std::string("the ") + (tensor->input ? "input " : "output ") + name + " " + tensor->type +
           listed(tensor->shape, '[', ']');
}

std::string say(const ShapeRange& range) {
    return "[" + listed(range.min, '(', ')') + ", " + listed(range.opt, '(', ')') + ", " + listed(range.max, '(', ')') +
           "]";
}

std::string say(const std::vector<Profile>& profiles) {
    std::vector<std::string> parts;
    for (const Profile& profile : profiles) {
        std::string part = "{'image': " + say(profile.image);
        if (profile.candidates) {
            part += ", 'candidates': " + say(*profile.candidates);
        }
        parts.push_back(part + "}");
    }
    return "[" + join(parts, ", ") + "]";
}

const EngineTensor* find(const std::map<std::string, EngineTensor>& tensors, const std::string& name) {
    const auto found = tensors.find(name);
    return found == tensors.end() ? nullptr : &found->second;
}

}  // namespace

std::string Gpu::compute_capability() const { return std::to_string(major) + "." + std::to_string(minor); }

std::string this_platform() {
    utsname names{};
    uname(&names);
    return lower(std::string(std::data(names.sysname)) + "-" + std::data(names.machine));
}

void check_machine(const std::filesystem::path& path, const EngineInfo& built, const Machine& machine) {
    if (built.library != "tensorrt") {
        throw UserError(path.string() +
                        " is an engine of TensorRT-RTX, and swsss-run runs those of TensorRT; label with swsss-label, "
                        "or with the ONNX file.");
    }
    if (!is_version(built.version, machine.version)) {
        throw UserError(path.string() + " was built with version " + built.version + " of " + built.library +
                        " and runs with no other, but " + machine.version + " is installed; " + rebuild);
    }
    if (!machine.gpu) {
        throw UserError(path.string() +
                        " needs an NVIDIA GPU, and none is usable here; label with the ONNX file instead.");
    }
    if (!runs_on(built.compute_capability, *machine.gpu)) {
        throw UserError(path.string() + " was built for compute capability " + built.compute_capability + ", but " +
                        machine.gpu->name + " has " + machine.gpu->compute_capability() + "; " + rebuild);
    }
    if (built.platform != "any" && built.platform != machine.platform) {
        throw UserError(path.string() + " was built on " + built.platform + ", but this is " + machine.platform + "; " +
                        rebuild);
    }
}

void check_tensors(const std::string& library, const std::map<std::string, EngineTensor>& found,
                   const ModelInfo& model) {
    const auto wanted = tensors_of(model);
    std::set<std::string> names;
    for (const auto* tensors : {&found, &wanted}) {
        for (const auto& [name, tensor] : *tensors) {
            names.insert(name);
        }
    }
    for (const std::string& name : names) {
        const EngineTensor* here = find(found, name);
        const EngineTensor* there = find(wanted, name);
        if (here == nullptr || there == nullptr || !(*here == *there)) {
            throw UserError("In " + library + " the model has " + say(name, here) + " instead of " + say(name, there) +
                            "; it was changed after swsss-export, or please report it.");
        }
    }
}

void check_profiles(const std::string& library, const std::vector<Profile>& found, const std::vector<Profile>& wanted) {
    const std::string here = say(found);
    const std::string there = say(wanted);
    if (here != there) {
        throw UserError("The engine of " + library + " has the profiles " + here + " instead of " + there +
                        "; please report it.");
    }
}

std::string too_large(const std::vector<Profile>& profiles, const BatchSize& batch) {
    const std::string height = std::to_string(batch.height);
    const std::string width = std::to_string(batch.width);
    std::vector<std::string> taken;
    std::vector<std::string> sizes;
    for (const Profile& profile : profiles) {
        taken.push_back(profile.taken());
        sizes.push_back(profile.size());
    }
    sizes.push_back("1x" + height + "x" + width);
    return height + "×" + width + " pixels are too large for the engine, which takes " + join(taken, ", or ") + "; " +
           rebuild + " --sizes " + join(sizes, ",");
}

}  // namespace swsss
