#include "report/tiles.hpp"

#include <string>

#include "report/words.hpp"

namespace swsss {
namespace {

View tile(const std::string& name, const std::string& figure, const std::string& unit, const std::string& note,
          bool warn = false) {
    return {{"name", name}, {"figure", figure}, {"unit", unit}, {"note", note}, {"warn", warn}};
}

View speed_tile(const Speed& speed) {
    const std::string earlier =
        speed.earlier > 0 ? "; " + words::number(speed.earlier) + " were done before" : std::string();
    if (speed.images == 0 || speed.seconds <= 0) {
        return tile("Speed", "–", "", "nothing labelled in this start" + earlier);
    }
    return tile("Speed", words::rate(static_cast<double>(speed.images) / speed.seconds), "images/s",
                words::number(speed.images) + " in " + words::duration(speed.seconds) + earlier);
}

View pixels_tile(const Summary& summary) {
    const auto [figure, unit] = words::in_words(summary.pixels());
    const std::string left_out = words::percentage(share_of(summary.left_out(), summary.pixels()));
    return tile("Pixels", figure, unit, summary.left_out() > 0 ? left_out + " left out as unsure" : "none left out");
}

}  // namespace

View tiles(const Summary& summary, const Speed& speed) {
    View all = View::array();
    const std::int64_t total = summary.images() + summary.failed();
    if (total == 0) {
        return all;
    }
    const std::string untagged =
        summary.untagged() > 0 ? "; " + words::number(summary.untagged()) + " without tags" : std::string();
    all.push_back(
        tile("Labelled", words::number(summary.images()), "", "of " + words::many(total, "image") + untagged));
    all.push_back(tile("Failed", words::number(summary.failed()), "",
                       summary.failed() > 0 ? "all listed in failures.csv" : "nothing was left behind",
                       summary.failed() > 0));
    if (summary.tags() > 0) {
        all.push_back(tile("Tags without a pixel", words::number(summary.tags_missing()), "",
                           words::percentage(share_of(summary.tags_missing(), summary.tags())) + " of " +
                               words::many(summary.tags(), "tag")));
    }
    if (summary.images() > 0) {
        all.push_back(tile("Mean confidence", words::percentage(summary.mean_confidence()), "", "mean over images"));
        all.push_back(pixels_tile(summary));
    }
    all.push_back(speed_tile(speed));
    return all;
}

}  // namespace swsss
