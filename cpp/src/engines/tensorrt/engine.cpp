#include "engines/tensorrt/engine.hpp"

#ifdef SWSSS_WITH_TENSORRT
#include <utility>

#include "engines/sidecar.hpp"
#include "engines/tensorrt/checks.hpp"
#include "engines/tensorrt/cuda.hpp"
#include "engines/tensorrt/session.hpp"
#include "engines/tensorrt/worker.hpp"
#else
#include "swsss/errors.hpp"
#endif

namespace swsss {

#ifdef SWSSS_WITH_TENSORRT

namespace {

/// Images a call, as for every GPU.
constexpr int gpu_batch = 8;

class TensorRTEngine final : public Engine {
  public:
    TensorRTEngine(Sidecar sidecar, const std::string& plan, const Gpu& gpu)
        : sidecar_(std::move(sidecar)),
          library_("TensorRT " + tensorrt_version()),
          description_(library_ + ", " + gpu.name + " (" + gpu.compute_capability() + ")"),
          session_(library_, plan, sidecar_),
          worker_(session_) {}

    [[nodiscard]] const ModelInfo& info() const override { return sidecar_.model; }
    [[nodiscard]] const std::string& identity() const override { return sidecar_.engine.sha256; }
    [[nodiscard]] std::string description() const override { return description_; }
    [[nodiscard]] int preferred_batch() const override { return gpu_batch; }

    [[nodiscard]] std::vector<Labels> label(std::span<const Image* const> images,
                                            std::span<const Candidates> candidates) override {
        return worker_.label(images, candidates);
    }

  private:
    Sidecar sidecar_;
    std::string library_;
    std::string description_;
    TensorRTSession session_;
    TensorRTWorker worker_;
};

}  // namespace

std::unique_ptr<Engine> open_tensorrt_engine(const std::filesystem::path& path) {
    EngineFile file = read_engine(path);
    const Machine machine{tensorrt_version(), current_gpu(), this_platform()};
    check_machine(path, file.sidecar.engine, machine);
    return std::make_unique<TensorRTEngine>(std::move(file.sidecar), file.plan, *machine.gpu);
}

std::string tensorrt_version() { return loaded_tensorrt(); }

#else

std::unique_ptr<Engine> open_tensorrt_engine(const std::filesystem::path& path) {
    throw UserError(path.string() +
                    " needs a swsss-run that was built with TensorRT (configure with -DTENSORRT_ROOT=...); this one "
                    "was not; label with the ONNX file instead.");
}

std::string tensorrt_version() { return ""; }

#endif

}  // namespace swsss
