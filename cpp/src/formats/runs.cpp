#include "formats/runs.hpp"

#include <algorithm>
#include <array>

#include "labels/records.hpp"

namespace swsss {

std::map<int, Runs> foreground_runs(const std::vector<std::uint8_t>& line) {
    std::array<Runs, 256> all;
    for (auto start = line.begin(); start != line.end();) {
        const auto end = std::find_if(start, line.end(), [value = *start](auto other) { return other != value; });
        all[*start].push_back({start - line.begin(), end - line.begin()});
        start = end;
    }
    std::map<int, Runs> found;
    for (int id = 1; id < ignore_id; ++id) {
        if (Runs& runs = all[static_cast<std::size_t>(id)]; !runs.empty()) {
            found.emplace(id, std::move(runs));
        }
    }
    return found;
}

std::vector<std::int64_t> lengths_of(const Runs& runs, std::size_t size) {
    std::vector<std::int64_t> lengths;
    lengths.reserve(2 * runs.size() + 1);
    std::int64_t at = 0;
    for (const Run& run : runs) {
        lengths.push_back(run.start - at);
        lengths.push_back(run.end - run.start);
        at = run.end;
    }
    if (const auto rest = static_cast<std::int64_t>(size) - at; rest > 0) {
        lengths.push_back(rest);
    }
    return lengths;
}

std::vector<std::uint8_t> columns_of(const Plane& plane) {
    // In tiles: a step from row to row through a large mask is a cache miss each.
    constexpr std::size_t tile = 64;
    const auto height = static_cast<std::size_t>(plane.height);
    const auto width = static_cast<std::size_t>(plane.width);
    std::vector<std::uint8_t> line(plane.values.size());
    for (std::size_t top = 0; top < height; top += tile) {
        for (std::size_t left = 0; left < width; left += tile) {
            for (std::size_t column = left; column < std::min(left + tile, width); ++column) {
                for (std::size_t row = top; row < std::min(top + tile, height); ++row) {
                    line[column * height + row] = plane.values[row * width + column];
                }
            }
        }
    }
    return line;
}

}  // namespace swsss
