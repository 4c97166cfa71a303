#include "report/pictures.hpp"

#include <algorithm>
#include <cmath>
#include <future>

#include "base/pool.hpp"
#include "images/read_mask.hpp"
#include "report/data_uri.hpp"
#include "report/overlay.hpp"
#include "report/resize.hpp"
#include "swsss/errors.hpp"
#include "swsss/image.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;

constexpr int threads = 4;
constexpr double longest = 320;
constexpr int shortest = 16;

/// A side of the picture; a very long image is squeezed, for its short side to be visible.
int side_of(int side, double scale) { return std::max(shortest, static_cast<int>(std::lrint(side * scale))); }

Plane upright(Plane stored, int orientation) {
    // Of the eight turns, these two alone are not undone by doing them twice.
    const int inverse = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
    return orient_back(std::move(stored), inverse);
}

Card card_of(const Labelled& row, const fs::path& images, const fs::path& masks) {
    Card card{row, "", "", ""};
    StoredImage stored;
    try {
        stored = read_image(images / row.image);
    } catch (const UserError&) {
        card.problem = "The image is gone or can no longer be read.";
        return card;
    }
    Plane labels;
    try {
        labels = read_mask(masks / row.mask);
    } catch (const UserError&) {
        card.problem = "Its mask is gone or can no longer be read.";
        return card;
    }
    if (stored.image.height != labels.height || stored.image.width != labels.width) {
        card.problem = "Image and mask differ in size: one of them was changed.";
        return card;
    }
    const double scale = std::min(1.0, longest / std::max(labels.height, labels.width));
    const int height = side_of(labels.height, scale);
    const int width = side_of(labels.width, scale);
    Image image = orient(resize_area(stored.image, height, width), stored.orientation);
    const Plane mask = upright(resize_nearest(labels, height, width), stored.orientation);
    card.image = data_uri(image);
    card.overlay = data_uri(overlay(std::move(image), mask));
    return card;
}

}  // namespace

std::vector<Card> make_cards(const std::vector<Labelled>& rows, const fs::path& images, const fs::path& masks) {
    ThreadPool pool(threads);
    std::vector<std::future<Card>> due;
    due.reserve(rows.size());
    for (const Labelled& row : rows) {
        due.push_back(pool.submit([&] { return card_of(row, images, masks); }));
    }
    std::vector<Card> cards;
    cards.reserve(rows.size());
    for (std::future<Card>& card : due) {
        cards.push_back(card.get());
    }
    return cards;
}

}  // namespace swsss
