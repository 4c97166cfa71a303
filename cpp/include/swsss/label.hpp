/// The work of `swsss-run`: from options to a labels folder.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace swsss {

/// What `swsss-run` was told; see its `--help`.
struct Order {
    std::filesystem::path images;
    std::optional<std::filesystem::path> labels;  ///< tags.csv
    std::optional<std::filesystem::path> model;   ///< The newest run's when absent.
    std::filesystem::path out = "labels";
    bool confidence = false;
    double ignore_below = 0.0;      ///< 0..1
    std::string untagged = "skip";  ///< skip or all
    std::optional<std::filesystem::path> only;
    int limit = 0;
    bool overwrite = false;
    bool dry_run = false;
    std::optional<int> max_side;
    std::string device = "auto";
    int batch = 0;
    int threads = 0;
    int workers = 0;
    double max_memory = 0.0;  ///< GiB that images may take together; 0 for half of what there is.
    bool profile = false;  ///< Tell where the time went.
};

/// What a start came to: lines for the user, and how many images failed.
struct Result {
    std::vector<std::string> lines;
    int failed = 0;
};

/// Label what is not labelled yet, and write manifest and report.
///
/// @param order The options.
/// @param tell Called with what is about to happen, a line each.
/// @throws UserError The command or its inputs are wrong; nothing was started.
/// @throws Interrupted Stopped by the user; what is done is kept.
/// @throws Unfinished The disk is full or broken; what is done is kept.
[[nodiscard]] Result carry_out(const Order& order, const std::function<void(const std::string&)>& tell);

}  // namespace swsss
