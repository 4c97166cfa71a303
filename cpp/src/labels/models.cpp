#include "labels/models.hpp"

#include <algorithm>
#include <vector>

#include "swsss/errors.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;

fs::file_time_type changed(const fs::path& path) {
    std::error_code gone;
    const auto time = fs::last_write_time(path, gone);
    return gone ? fs::file_time_type::min() : time;
}

}  // namespace

fs::path newest_model(const fs::path& runs) {
    std::vector<fs::path> done;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(runs, failed)) {
        if (fs::exists(entry.path() / "hybridnet.safetensors", failed)) {
            done.push_back(entry.path());
        }
    }
    std::sort(done.begin(), done.end());
    const auto newest = std::max_element(done.begin(), done.end(), [](const fs::path& one, const fs::path& other) {
        return changed(one / "hybridnet.safetensors") < changed(other / "hybridnet.safetensors");
    });
    if (newest == done.end()) {
        throw UserError("No --model was given and " + runs.string() +
                        "/ holds no finished stage 1; train one with swsss-train, or name a model.");
    }
    fs::path model = *newest / "model.onnx";
    if (changed(model) < changed(*newest / "hybridnet.safetensors")) {
        throw UserError("The newest run " + newest->string() + " has no model file of its checkpoints; make one with " +
                        "swsss-export " + newest->string() + " --out " + model.string() + ", or name a --model.");
    }
    return model;
}

}  // namespace swsss
