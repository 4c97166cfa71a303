#include "tags/similarity.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
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

/// Two words, the places in the second looked up once for all that it is compared with.
class Pair {
  public:
    Pair(const Points& first, const Points& second, const Places& places)
        : first_(first), second_(second), places_(places) {}

    [[nodiscard]] double ratio() const {
        std::size_t matching = 0;
        std::vector<Part> parts{{0, first_.size(), 0, second_.size()}};
        while (!parts.empty()) {
            const Part part = parts.back();
            parts.pop_back();
            const Match match = longest(part);
            if (match.size > 0) {
                matching += match.size;
                parts.push_back({part.first_from, match.first, part.second_from, match.second});
                parts.push_back({match.first + match.size, part.first_to, match.second + match.size, part.second_to});
            }
        }
        return share(matching);
    }

    /// What `ratio` cannot exceed, by the lengths alone.
    [[nodiscard]] double most() const { return share(std::min(first_.size(), second_.size())); }

  private:
    [[nodiscard]] double share(std::size_t matching) const {
        const std::size_t all = first_.size() + second_.size();
        return all == 0 ? 1.0 : 2.0 * static_cast<double>(matching) / static_cast<double>(all);
    }

    /// The longest run in a part; of several, the one that begins first in `first_`, then in `second_`.
    [[nodiscard]] Match longest(const Part& part) const {
        Match best{part.first_from, part.second_from, 0};
        std::unordered_map<std::size_t, std::size_t> before;  // length of the run that ends at a place of `second_`
        for (std::size_t i = part.first_from; i < part.first_to; ++i) {
            std::unordered_map<std::size_t, std::size_t> now;
            const auto found = places_.find(first_[i]);
            const auto at = found == places_.end() ? std::span<const std::size_t>() : std::span(found->second);
            for (auto j = std::lower_bound(at.begin(), at.end(), part.second_from);
                 j != at.end() && *j < part.second_to; ++j) {
                const auto run = *j > 0 ? before.find(*j - 1) : before.end();
                const std::size_t size = now[*j] = (run == before.end() ? 0 : run->second) + 1;
                if (size > best.size) {
                    best = {i + 1 - size, *j + 1 - size, size};
                }
            }
            before = std::move(now);
        }
        return lengthened(best, part);
    }

    /// Characters that were passed over may lengthen a run.
    [[nodiscard]] Match lengthened(Match run, const Part& part) const {
        while (run.first > part.first_from && run.second > part.second_from &&
               first_[run.first - 1] == second_[run.second - 1]) {
            run = {run.first - 1, run.second - 1, run.size + 1};
        }
        while (run.first + run.size < part.first_to && run.second + run.size < part.second_to &&
               first_[run.first + run.size] == second_[run.second + run.size]) {
            ++run.size;
        }
        return run;
    }

    const Points& first_;
    const Points& second_;
    const Places& places_;
};

}  // namespace

std::optional<std::string> closest(const std::string& word, const std::vector<std::string>& words) {
    const Points wanted = code_points(word);
    const Places places = places_in(wanted);
    std::optional<std::string> best;
    double most = 0.0;
    for (const std::string& candidate : words) {
        const Points points = code_points(candidate);
        const Pair pair(points, wanted, places);
        const double value = pair.most() < alike ? 0.0 : pair.ratio();
        // Of equals, the one that sorts last by code points, as heapq.nlargest has it.
        if (value >= alike && (value > most || (value == most && candidate > *best))) {
            most = value;
            best = candidate;
        }
    }
    return best;
}

}  // namespace swsss
