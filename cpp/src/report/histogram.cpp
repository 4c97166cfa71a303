#include "report/histogram.hpp"

#include <algorithm>
#include <cstddef>

#include "base/text.hpp"
#include "report/words.hpp"

namespace swsss {
namespace {

// In SVG units; the drawing itself, 800 wide, and the line the columns stand on are in labels.html.
constexpr double width = 800;
constexpr double base = 180;
constexpr double margin = 20;
constexpr double tallest = 154;
constexpr double step = (width - 2 * margin) / static_cast<double>(histogram_bins);

View column(const Summary& summary, std::size_t index) {
    static_assert(100 % histogram_bins == 0);
    const auto& counts = summary.histogram();
    const double left = margin + static_cast<double>(index) * step;
    const auto most = static_cast<double>(*std::max_element(counts.begin(), counts.end()));
    const double height = std::max(2.0, tallest * static_cast<double>(counts[index]) / most);
    const std::string bounds = std::to_string(100 * index / histogram_bins) + " to " +
                               std::to_string(100 * (index + 1) / histogram_bins) + words::space + "%: ";
    return {
        {"left", fixed(left + 2, 1)},
        {"middle", fixed(left + step / 2, 1)},
        {"width", fixed(step - 4, 1)},
        {"top", fixed(base - height, 1)},
        {"above", fixed(base - height - 6, 1)},
        {"height", fixed(height, 1)},
        {"share", words::percent(share_of(counts[index], summary.images()))},
        {"told", bounds + words::many(counts[index], "image")},
    };
}

}  // namespace

View histogram(const Summary& summary) {
    View columns = View::array();
    std::string told = "Histogram: ";
    for (std::size_t index = 0; index < histogram_bins; ++index) {
        if (summary.histogram()[index] > 0) {
            told += columns.empty() ? "" : "; ";
            columns.push_back(column(summary, index));
            told += columns.back().at("told").get<std::string>();
        }
    }
    View ticks = View::array();
    for (int tenth = 0; tenth <= 10; ++tenth) {
        ticks.push_back(
            {{"at", fixed(margin + (width - 2 * margin) * tenth / 10, 1)}, {"told", std::to_string(10 * tenth)}});
    }
    return {{"told", told}, {"columns", columns}, {"ticks", ticks}};
}

}  // namespace swsss
