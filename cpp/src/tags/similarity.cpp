#include "tags/similarity.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"

namespace swsss {
namespace {

using Points = std::vector<char32_t>;
using Places = std::unordered_map<char32_t, std::vector<std::size_t>>;

constexpr double alike = 0.6;
constexpr std::size_t long_word = 200;  // from here on, difflib passes over characters that are everywhere

/// Where in `word` each character stands, those that are everywhere left out.
Places places_in(const Points& word) {
    Places places;
    for (std::size_t at = 0; at < word.size(); ++at) {
        places[word[at]].push_back(at);
    }
    if (word.size() >= long_word) {
        const std::size_t most = word.size() / 100 + 1;
        std::erase_if(places, [most](const auto& entry) { return entry.second.size() > most; });
    }
    return places;
}

/// A run that both words have.
struct Match {
    std::size_t first;
    std::size_t second;
    std::size_t size;
};

/// A part of both words, from and up to.
struct Part {
    std::size_t first_from, first_to, second_from, second_to;
};

/// The longest run in a part; of several, the one that begins first in `first`, then in `second`.
Match longest(const Points& first, const Points& second, const Places& places, const Part& part) {
    Match best{part.first_from, part.second_from, 0};
    std::unordered_map<std::size_t, std::size_t> before;  // length of the run that ends at a place of `second`
    for (std::size_t i = part.first_from; i < part.first_to; ++i) {
        std::unordered_map<std::size_t, std::size_t> now;
        const auto found = places.find(first[i]);
        for (const std::size_t j : found == places.end() ? std::vector<std::size_t>{} : found->second) {
            if (j < part.second_from) {
                continue;
            }
            if (j >= part.second_to) {
                break;
            }
            const auto run = j > 0 ? before.find(j - 1) : before.end();
            const std::size_t size = now[j] = (run == before.end() ? 0 : run->second) + 1;
            if (size > best.size) {
                best = {i + 1 - size, j + 1 - size, size};
            }
        }
        before = std::move(now);
    }
    // Characters that were passed over may lengthen it.
    while (best.first > part.first_from && best.second > part.second_from &&
           first[best.first - 1] == second[best.second - 1]) {
        best = {best.first - 1, best.second - 1, best.size + 1};
    }
    while (best.first + best.size < part.first_to && best.second + best.size < part.second_to &&
           first[best.first + best.size] == second[best.second + best.size]) {
        ++best.size;
    }
    return best;
}

double ratio(const Points& first, const Points& second) {
    const Places places = places_in(second);
    std::size_t matching = 0;
    std::vector<Part> parts{{0, first.size(), 0, second.size()}};
    while (!parts.empty()) {
        const Part part = parts.back();
        parts.pop_back();
        const Match match = longest(first, second, places, part);
        if (match.size > 0) {
            matching += match.size;
            parts.push_back({part.first_from, match.first, part.second_from, match.second});
            parts.push_back({match.first + match.size, part.first_to, match.second + match.size, part.second_to});
        }
    }
    const std::size_t all = first.size() + second.size();
    return all == 0 ? 1.0 : 2.0 * static_cast<double>(matching) / static_cast<double>(all);
}

}  // namespace

std::optional<std::string> closest(const std::string& word, const std::vector<std::string>& words) {
    const Points wanted = code_points(word);
    std::optional<std::string> best;
    double most = 0.0;
    for (const std::string& candidate : words) {
        const double value = ratio(code_points(candidate), wanted);
        // Of equals, the one that sorts last by code points, as heapq.nlargest has it.
        if (value >= alike && (value > most || (value == most && candidate > *best))) {
            most = value;
            best = candidate;
        }
    }
    return best;
}

}  // namespace swsss
