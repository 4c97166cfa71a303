// Writes the report of a labels folder: `report_tool LABELS IMAGES --classes classes.txt --out page.html [--fact NAME
// VALUE]... [--images N --seconds S --earlier N]`. The rows are those of its journal, whatever recipe they are of.
#include <sqlite3.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "labels/statement.hpp"
#include "report/report.hpp"
#include "swsss/errors.hpp"

namespace {

namespace fs = std::filesystem;

using Database = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;

swsss::ClassTable read_classes(const fs::path& path) {
    std::ifstream file(path);
    std::vector<std::string> names;
    for (std::string line; std::getline(file, line);) {
        names.push_back(line);
    }
    return swsss::ClassTable(names);
}

Database open_journal(const fs::path& path) {
    sqlite3* database = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr);
    Database owned(database, sqlite3_close);
    if (code != SQLITE_OK) {
        throw swsss::UserError(path.string() + " cannot be opened: " + sqlite3_errmsg(database));
    }
    return owned;
}

template <typename Value>
std::map<int, Value> by_class(const std::string& text) {
    std::map<int, Value> values;
    const nlohmann::json object = nlohmann::json::parse(text);
    for (const auto& [id, value] : object.items()) {
        values[std::stoi(id)] = value.template get<Value>();
    }
    return values;
}

swsss::Labelled row_of(const swsss::Statement& query) {
    swsss::Labelled row;
    row.image = query.column(0);
    row.mask = query.column(1);
    const nlohmann::json tags = nlohmann::json::parse(query.column(2));
    if (!tags.is_null()) {
        row.tags = tags.get<std::vector<int>>();
    }
    row.pixels = by_class<std::int64_t>(query.column(3));
    row.confidence = by_class<double>(query.column(4));
    row.mean_confidence = query.real_column(5);
    return row;
}

swsss::Summary summarise(sqlite3* database, const swsss::ClassTable& classes) {
    swsss::Summary summary(classes);
    swsss::Statement failed(database, "SELECT image, stage, reason FROM failed ORDER BY image");
    while (failed.step()) {
        summary.add(swsss::Failed{failed.column(0), failed.column(1), failed.column(2)});
    }
    swsss::Statement labelled(
        database, "SELECT image, mask, tags, pixels, confidence, mean_confidence FROM labelled ORDER BY image");
    while (labelled.step()) {
        summary.add(row_of(labelled));
    }
    return summary;
}

}  // namespace

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
        const Database database = open_journal(labels / "journal.sqlite");
        const swsss::Summary summary = summarise(database.get(), read_classes(classes));
        swsss::write_report(out, summary, images, labels / "masks", facts, speed);
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 2;
    }
    return 0;
}
