#include "labels/writer.hpp"

#include <array>
#include <utility>

#include "base/files.hpp"
#include "images/png.hpp"

namespace swsss {
namespace {

void leave_out(Labels& labels, double below) {
    const double least = 255 * below;
    for (std::size_t index = 0; index < labels.mask.values.size(); ++index) {
        if (labels.confidence.values[index] < least) {
            labels.mask.values[index] = ignore_id;
        }
    }
}

}  // namespace

Labelled Writer::write(const Item& item, int orientation, Labels labels) const {
    if (ignore_below > 0) {
        leave_out(labels, ignore_below);
    }
    const Plane mask = orient_back(std::move(labels.mask), orientation);
    const Plane sureness = orient_back(std::move(labels.confidence), orientation);
    write_whole(out / "masks" / item.mask, encode_mask(mask));
    if (confidence) {
        write_whole(out / "confidence" / item.mask, encode_grey(sureness));
    }
    Labelled row;
    row.image = item.image;
    row.mask = item.mask;
    row.width = mask.width;
    row.height = mask.height;
    row.tags = item.tags;
    count_pixels(mask, sureness, row);
    return row;
}

void count_pixels(const Plane& mask, const Plane& confidence, Labelled& row) {
    std::array<std::int64_t, 256> counts{};
    std::array<std::int64_t, 256> sums{};
    for (std::size_t index = 0; index < mask.values.size(); ++index) {
        const std::uint8_t id = mask.values[index];
        ++counts[id];
        sums[id] += confidence.values[index];
    }
    std::int64_t everything = 0;
    for (int id = 0; id < 256; ++id) {
        const auto slot = static_cast<std::size_t>(id);
        everything += sums[slot];
        if (counts[slot] == 0) {
            continue;
        }
        row.pixels[id] = counts[slot];
        if (id != ignore_id) {
            row.confidence[id] = static_cast<double>(sums[slot]) / static_cast<double>(counts[slot]) / 255;
        }
    }
    row.mean_confidence = static_cast<double>(everything) / static_cast<double>(mask.values.size()) / 255;
}

}  // namespace swsss
