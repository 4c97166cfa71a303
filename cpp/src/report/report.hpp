/// The report of a labelling run: one self-contained page that says what to look at first.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "report/summary.hpp"

namespace swsss {

/// How fast the last start was.
struct Speed {
    std::int64_t images = 0;   ///< Images labelled in it.
    double seconds = 0;        ///< What that took.
    std::int64_t earlier = 0;  ///< Images that earlier starts had labelled.
};

/// Write the page, whole or not at all; it needs no other file and no network, and stays below 2 MB.
///
/// It is `swsss/report/page.html` with what `swsss.serve.report` puts into it as well: one JSON object.
/// @param images The image folder, read for the few images that are shown.
/// @param masks The folder of the masks, likewise.
/// @param facts Model, engine, options: labels and values, shown word for word.
/// @throws FileError The folder cannot be written, or the disk is full; nothing is left behind.
void write_report(const std::filesystem::path& path, const Summary& summary, const std::filesystem::path& images,
                  const std::filesystem::path& masks, const std::vector<std::pair<std::string, std::string>>& facts,
                  const Speed& speed);

}  // namespace swsss
