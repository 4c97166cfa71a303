/// Classes with what is known of them, below each other.
#pragma once

#include <vector>

#include "report/summary.hpp"
#include "report/values.hpp"

namespace swsss {

/// Classes with tags without a pixel, most first.
[[nodiscard]] std::vector<int> lacking_classes(const Summary& summary);

/// A class with its tags and how many of them are without a pixel.
[[nodiscard]] View lacking_class(const Summary& summary, int index);

/// Background, the classes that were found or tagged, those in most images first, and the names of the others.
[[nodiscard]] View used_and_unused(const Summary& summary);

}  // namespace swsss
