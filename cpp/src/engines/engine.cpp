#include "swsss/engine.hpp"

#include <array>

#include "base/base64.hpp"
#include "base/hash.hpp"
#include "engines/onnx/engine.hpp"
#include "engines/tensorrt/engine.hpp"
#include "swsss/errors.hpp"

namespace swsss {

std::unique_ptr<Engine> open_engine(const std::filesystem::path& path, const EngineOptions& options) {
    std::error_code unknown;
    if (!std::filesystem::exists(path, unknown)) {
        throw UserError("There is no model " + path.string() + ".");
    }
    if (path.extension() == ".engine") {
        return open_tensorrt_engine(path);
    }
    if (path.extension() != ".onnx") {
        throw UserError(path.string() + " is no .onnx or .engine file; make one with swsss-export " + path.string() +
                        " --out model.onnx.");
    }
    return open_onnx_engine(path, options);
}

bool self_test(Engine& engine) {
    const auto& golden = engine.info().golden;
    if (!golden) {
        return true;
    }
    const Image image = decode_image(decode_base64(golden->image), "the golden image").image;
    const std::array<const Image*, 1> images{&image};
    const auto labels = engine.label(images, {&golden->candidates, 1});
    return sha256(labels.front().mask.values) == golden->mask;
}

}  // namespace swsss
