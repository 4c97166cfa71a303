#include "report/values.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "base/text.hpp"
#include "images/png.hpp"
#include "report/words.hpp"

namespace swsss {

View class_of(int index, const std::vector<std::string>& names) {
    std::string colour = "#";
    for (const std::uint8_t value : palette().at(static_cast<std::size_t>(index))) {
        const char byte = static_cast<char>(value);
        colour += hex(std::string_view(&byte, 1));
    }
    return {{"colour", colour}, {"name", names.at(static_cast<std::size_t>(index))}};
}

View bar(double share, const std::string& told) {
    return {{"width", fixed(std::min(100 * share, 100.0), 2)}, {"told", told}};
}

View confidence_bar(std::optional<double> confidence) {
    return confidence ? bar(*confidence, words::percent(*confidence)) : View(nullptr);
}

double share_of(std::int64_t part, std::int64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace swsss
