#include "swsss/errors.hpp"

#include <algorithm>
#include <utility>

namespace swsss {
namespace {

std::string told(const std::vector<std::string>& problems) {
    std::string text = problems.size() == 1 ? "1 problem" : std::to_string(problems.size()) + " problems";
    text += " in the inputs; nothing was started:";
    const std::size_t count = std::min(problems.size(), InputError::shown);
    for (std::size_t index = 0; index < count; ++index) {
        text += "\n  - " + problems[index];
    }
    if (problems.size() > count) {
        text += "\n  ... and " + std::to_string(problems.size() - count) + " more";
    }
    return text;
}

}  // namespace

InputError::InputError(std::vector<std::string> problems) : UserError(told(problems)), problems_(std::move(problems)) {}

}  // namespace swsss
