#include "report/report.hpp"

#include "base/files.hpp"
#include "report/pictures.hpp"
#include "report/template.hpp"
#include "report/view.hpp"

namespace swsss {

void write_report(const std::filesystem::path& path, const Summary& summary, const std::filesystem::path& images,
                  const std::filesystem::path& masks, const std::vector<std::pair<std::string, std::string>>& facts,
                  const Speed& speed) {
    const std::vector<Card> missing = make_cards(summary.missing(), images, masks);
    const std::vector<Card> least_sure = make_cards(summary.least_sure(), images, masks);
    write_whole(path, render("labels.html", view_of(summary, missing, least_sure, facts, speed)));
}

}  // namespace swsss
