/// Label Studio: predictions as brush masks in `label-studio.json`, and the labelling interface for them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "formats/sink.hpp"

namespace swsss {

/// Write `label-studio.json` (tasks to import) and `label-studio.xml` (the labelling interface); an `Opener`.
///
/// All classes but background become brush labels in the colours of the masks.
///
/// @param image_prefix What comes before the image's path. After an `http(s)://` address or a `/path` of the server the
///     path is percent-encoded; `s3://` and the like are kept as they are, as Label Studio reads them.
/// @throws FileError The folder cannot be written.
[[nodiscard]] std::unique_ptr<Sink> open_label_studio(const std::filesystem::path& folder, const ClassTable& classes,
                                                      const std::string& image_prefix);

/// Where Label Studio finds an image.
///
/// @param prefix As for `open_label_studio`.
/// @param image Path below the image folder.
/// @throws UserError The name is not UTF-8 and is not to be percent-encoded, so no task can hold it.
[[nodiscard]] std::string image_address(const std::string& prefix, const std::string& image);

}  // namespace swsss
