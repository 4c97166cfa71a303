/// What a model file says of itself: the JSON under `swsss` in the metadata of an ONNX file or beside an engine.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "swsss/image.hpp"

namespace swsss {

/// An input and the hash of its mask, with which any runner can check itself.
struct Golden {
    std::string image;                     ///< PNG of the RGB image, base64.
    std::vector<std::int64_t> candidates;  ///< Class ids, background included.
    std::string mask;                      ///< SHA-256 (hex) of the mask's bytes, row by row.
};

/// The description of a model.
struct ModelInfo {
    bool conditioned = true;                           ///< Whether it takes candidates; a plain model does not.
    std::vector<std::string> classes;                  ///< Names by class id, background first; 2 to 255.
    std::vector<std::array<std::uint8_t, 3>> palette;  ///< RGB of each class.
    std::vector<double> scales;                        ///< Of test-time augmentation, applied inside the graph.
    bool flip = false;
    int max_side = 0;       ///< Larger images are reduced to it inside the graph; masks keep full size.
    std::string precision;  ///< fp32, fp16 or int8.
    double tag_penalty = 0.0;  ///< Logits taken off classes that are no candidates; 0 leaves those out.
    int nets = 1;              ///< That are averaged.
    double attention = 0.0;    ///< Numbers in a ViT's attention over squared pixels; 0 for other nets.
    std::string source;        ///< SHA-256 (hex) of the source checkpoint.
    std::optional<Golden> golden;
};

/// Newest format of the description that is understood.
inline constexpr int model_format = 1;

/// Read the description of a model.
///
/// @param text The JSON.
/// @param where The file, for messages.
/// @throws UserError It is damaged or of a newer format.
[[nodiscard]] ModelInfo parse_model_info(const std::string& text, const std::string& where);

}  // namespace swsss
