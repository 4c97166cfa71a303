#include "tags/row_problems.hpp"

#include <algorithm>
#include <utility>

#include "swsss/errors.hpp"

namespace swsss {
namespace {

constexpr std::size_t kept = 1000;

}  // namespace

RowProblems::RowProblems(std::filesystem::path path) : path_(std::move(path)) {}

void RowProblems::add(std::size_t line, const std::string& text) {
    const auto known = known_.find(text);
    if (known != known_.end()) {
        ++found_[known->second].more;
    } else if (found_.size() < kept) {
        known_.emplace(text, found_.size());
        found_.push_back({text, line, 0});
    } else {
        ++left_out_;
    }
}

void RowProblems::raise_any() const {
    std::vector<Problem> sorted = found_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Problem& one, const Problem& other) { return one.line < other.line; });
    std::vector<std::string> sentences;
    for (const Problem& problem : sorted) {
        std::string also;
        if (problem.more > 0) {
            also = " (and " + std::to_string(problem.more) + " more line" + (problem.more > 1 ? "s" : "") + ")";
        }
        sentences.push_back(path_.string() + ", line " + std::to_string(problem.line) + also + ": " + problem.text);
    }
    if (left_out_ > 0) {
        sentences.push_back(path_.string() + ": " + std::to_string(left_out_) + " more lines are wrong.");
    }
    if (!sentences.empty()) {
        throw InputError(std::move(sentences));
    }
}

}  // namespace swsss
