/// Labelled images as small pictures that stand inside the page.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "labels/records.hpp"

namespace swsss {

/// One image as the report shows it.
struct Card {
    Labelled row;
    std::string image;    ///< Its picture as a data URI.
    std::string overlay;  ///< Likewise with the mask on it.
    std::string problem;  ///< Why it cannot be shown, in one sentence; empty when it can.
};

/// Read images and masks, reduce them, lay one on the other.
///
/// An image or a mask that has vanished or was damaged or changed since it was labelled becomes a card that says so.
/// @param images The image folder.
/// @param masks The folder of the masks.
[[nodiscard]] std::vector<Card> make_cards(const std::vector<Labelled>& rows, const std::filesystem::path& images,
                                           const std::filesystem::path& masks);

}  // namespace swsss
