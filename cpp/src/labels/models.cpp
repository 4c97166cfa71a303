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

/// The checkpoint a run has when its stage 1 is finished; empty when it is not.
fs::path stage1_checkpoint(const fs::path& run) {
    std::error_code failed;
    for (const char* name : {"hybridnet.safetensors", "teacher.safetensors"}) {
        if (fs::exists(run / name, failed)) {
            return run / name;
        }
    }
    return {};
}

}  // namespace

fs::path newest_model(const fs::path& runs) {
    std::vector<fs::path> done;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(runs, failed)) {
        if (!stage1_checkpoint(entry.path()).empty()) {
            done.push_back(entry.path());
        }
    }
    std::sort(done.begin(), done.end());
    const auto newest = std::max_element(done.begin(), done.end(), [](const fs::path& one, const fs::path& other) {
        return changed(stage1_checkpoint(one)) < changed(stage1_checkpoint(other));
    });
    if (newest == done.end()) {
        throw UserError("No --model was given and " + runs.string() +
                        "/ holds no finished stage 1; train one with swsss-train, or name a model.");
    }
    fs::path model = *newest / "model.onnx";
    if (changed(model) < changed(stage1_checkpoint(*newest))) {
        throw UserError("The newest run " + newest->string() + " has no model file of its checkpoints; make one with " +
                        "swsss-export " + newest->string() + " --out " + model.string() + ", or name a --model.");
    }
    return model;
}

}  // namespace swsss
