/// COCO: `coco.json`, one annotation an image and class, as compressed run lengths.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "formats/sink.hpp"

namespace swsss {

/// Write `coco.json` into `folder`; an `Opener`. All classes but background become categories, with their ids.
///
/// @param image_prefix Not used: `file_name` is the path below the image folder.
/// @throws FileError The folder cannot be written.
[[nodiscard]] std::unique_ptr<Sink> open_coco(const std::filesystem::path& folder, const ClassTable& classes,
                                              const std::string& image_prefix);

/// Encode run lengths as COCO does: from the fourth on less the one two before, 5 bits a character.
///
/// Each number is written from its lowest 5 bits up, in two's complement; 32 is added to every character but its last,
/// 48 to all of them.
///
/// @param lengths Pixels outside and inside in turn, column by column.
[[nodiscard]] std::string compress_counts(const std::vector<std::int64_t>& lengths);

}  // namespace swsss
