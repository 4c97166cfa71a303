/// Engines: whatever turns pixels and candidates into masks and confidences.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "swsss/image.hpp"
#include "swsss/model_info.hpp"

namespace swsss {

/// Class ids an image may have, background included, ascending.
using Candidates = std::vector<std::int64_t>;

/// The labels of one image, upright.
struct Labels {
    Plane mask;        ///< Class ids, each a candidate of the image.
    Plane confidence;  ///< round(255 · probability of that class among the candidates).
};

/// A model that is loaded and ready. One call at a time.
class Engine {
  public:
    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    Engine(Engine&&) = delete;
    Engine& operator=(Engine&&) = delete;
    virtual ~Engine() = default;

    /// What the model file says of itself.
    [[nodiscard]] virtual const ModelInfo& info() const = 0;

    /// SHA-256 (hex) of the model file: masks of another one are labelled anew.
    [[nodiscard]] virtual const std::string& identity() const = 0;

    /// Library, its version, device and threads, for people.
    [[nodiscard]] virtual std::string description() const = 0;

    /// Images of one size that are best given at a time.
    [[nodiscard]] virtual int preferred_batch() const = 0;

    /// Label a batch.
    ///
    /// @param images Upright, all of one size, at least one.
    /// @param candidates One list an image; not looked at by a plain model.
    /// @returns One an image, in the same order.
    /// @throws UserError The engine was not built for images so large.
    /// @throws std::exception Whatever the runtime throws: out of memory, most likely.
    [[nodiscard]] virtual std::vector<Labels> label(std::span<const Image* const> images,
                                                    std::span<const Candidates> candidates) = 0;
};

/// Where and how an engine runs.
struct EngineOptions {
    std::string device = "auto";  ///< auto (CUDA where it works, else the CPU), cpu, cuda or tensorrt.
    int threads = 0;              ///< Of a CPU engine; 0 takes every core this process may use.
};

/// Load a model file: `.onnx`, or `.engine` with its `.engine.json`.
///
/// @throws UserError It is missing, damaged, foreign, made for another machine, or this build has no engine for it.
[[nodiscard]] std::unique_ptr<Engine> open_engine(const std::filesystem::path& path, const EngineOptions& options = {});

/// Whether an engine gives the golden mask of its model file; true when that has none.
[[nodiscard]] bool self_test(Engine& engine);

}  // namespace swsss
