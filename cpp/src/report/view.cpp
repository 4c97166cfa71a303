#include "report/view.hpp"

#include "report/galleries.hpp"
#include "report/histogram.hpp"
#include "report/tables.hpp"
#include "report/tiles.hpp"
#include "report/words.hpp"

namespace swsss {
namespace {

std::string headline(const Summary& summary) {
    const std::int64_t total = summary.images() + summary.failed();
    if (total == 0) {
        return "There was no image to label.";
    }
    if (summary.images() == 0) {
        const std::string many = "None of the " + words::number(total) + " images could";
        return (total > 1 ? many : "The one image could not") + " be labelled.";
    }
    if (summary.failed() > 0) {
        return words::number(summary.images()) + " of " + words::many(total, "image") + " labelled, " +
               words::number(summary.failed()) + " failed.";
    }
    return total > 1 ? "All " + words::number(total) + " images are labelled." : "The one image is labelled.";
}

/// Sections to look at first, with the words between them.
View start(const Summary& summary) {
    View places = View::array();
    const auto add = [&](const char* section, const std::string& what, const std::string& behind) {
        places.push_back(
            {{"before", places.empty() ? "" : ", then at "}, {"section", section}, {"what", what}, {"behind", behind}});
    };
    if (summary.failed() > 0) {
        add("failed", summary.failed() > 1 ? "what failed" : "the one that failed", "");
    }
    if (summary.tags_missing() > 0) {
        const auto first = static_cast<std::size_t>(lacking_classes(summary).at(0));
        add("missing", words::many(summary.tags_missing(), "tag") + " without a pixel",
            " (most often " + summary.names().at(first) + ")");
    }
    if (summary.images() > 0) {
        const std::size_t count = summary.least_sure().size();
        const std::string images = count > 1 ? std::to_string(count) + " images" : "image";
        add("least", "the " + images + " the model was least sure of", "");
    }
    return places;
}

View failed(const Summary& summary) {
    std::string told = summary.failed() > 1 ? "These images have no mask." : "This image has no mask.";
    const std::size_t listed = summary.failures().size();
    const auto count = static_cast<std::size_t>(summary.failed());
    if (count > listed) {
        told += " The first " + std::to_string(listed) + " of " + words::number(summary.failed()) +
                " are listed; failures.csv has them all.";
    }
    View kinds = View::array();
    for (const FailureKind& kind : summary.kinds()) {
        kinds.push_back(
            {{"images", words::number(kind.count)}, {"stage", kind.stage}, {"reason", words::shortened(kind.reason)}});
    }
    View failures = View::array();
    for (const Failed& row : summary.failures()) {
        failures.push_back(
            {{"image", words::shortened(row.image)}, {"stage", row.stage}, {"reason", words::shortened(row.reason)}});
    }
    return {{"told", told}, {"kinds", kinds.size() < count ? kinds : View(nullptr)}, {"failures", failures}};
}

View missing(const Summary& summary, const std::vector<Card>& cards) {
    View classes = View::array();
    for (const int index : lacking_classes(summary)) {
        classes.push_back(lacking_class(summary, index));
    }
    return {{"classes", classes},
            {"told", cards.size() == most_shown
                         ? "Taken from the classes in turn; within a class every image has the same chance."
                         : "These are all."},
            {"gallery", gallery(cards, summary.names(), false)}};
}

View least(const Summary& summary, const std::vector<Card>& cards) {
    std::string told = "The image";
    if (cards.size() > 1) {
        told = "The " + std::to_string(cards.size()) + " images of lowest mean confidence, lowest first";
    }
    told += "; on the right with the mask";
    told += summary.left_out() > 0 ? ", hatched where it was left out." : ".";
    return {{"told", told}, {"gallery", gallery(cards, summary.names(), true)}};
}

}  // namespace

View view_of(const Summary& summary, const std::vector<Card>& missing_cards, const std::vector<Card>& least_sure,
             const std::vector<std::pair<std::string, std::string>>& facts, const Speed& speed) {
    View told = View::array();
    for (const auto& [name, value] : facts) {
        told.push_back({{"name", name}, {"told", value}});
    }
    const bool any = summary.images() > 0;
    return {
        {"headline", headline(summary)},
        {"start", start(summary)},
        {"tiles", tiles(summary, speed)},
        {"failed", summary.failed() > 0 ? failed(summary) : View(nullptr)},
        {"missing", summary.tags_missing() > 0 ? missing(summary, missing_cards) : View(nullptr)},
        {"least", any ? least(summary, least_sure) : View(nullptr)},
        {"classes", any ? used_and_unused(summary) : View(nullptr)},
        {"confidence", any ? histogram(summary) : View(nullptr)},
        {"facts", told},
    };
}

}  // namespace swsss
