// Writes the report of a labels folder: `report_tool LABELS IMAGES --classes classes.txt --out page.html [--fact NAME
// VALUE]... [--images N --seconds S --earlier N]`. The rows are those of its journal, whatever recipe they are of.
#include <CLI/CLI.hpp>
#include <iostream>

#include "journal_rows.hpp"
#include "report/report.hpp"

namespace fs = std::filesystem;

int main(int argc, char** argv) {
    CLI::App app("write the report of a labels folder");
    fs::path labels;
    fs::path images;
    fs::path classes;
    fs::path out;
    std::vector<std::pair<std::string, std::string>> facts;
    swsss::Speed speed;
    app.add_option("labels", labels)->required();
    app.add_option("image-folder", images)->required();
    app.add_option("--classes", classes)->required();
    app.add_option("--out", out)->required();
    app.add_option("--fact", facts);
    app.add_option("--images", speed.images);
    app.add_option("--seconds", speed.seconds);
    app.add_option("--earlier", speed.earlier);
    CLI11_PARSE(app, argc, argv)
    try {
        const swsss::JournalRows rows(labels / "journal.sqlite");
        swsss::Summary summary(swsss::read_classes(classes));
        rows.failed([&](const swsss::Failed& row) { summary.add(row); });
        rows.labelled([&](const swsss::Labelled& row) { summary.add(row); });
        swsss::write_report(out, summary, images, labels / "masks", facts, speed);
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 2;
    }
    return 0;
}
