// Converts a labels folder: `convert_tool LABELS --classes classes.txt --format coco [--image-prefix P]`. The rows are
// those of its journal, whatever recipe they are of. Tells what was written, a line each; exits with 2 and the reason
// when nothing could be.
#include <sqlite3.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "formats/convert.hpp"
#include "labels/statement.hpp"
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

swsss::Labelled row_of(const swsss::Statement& query) {
    swsss::Labelled row;
    row.image = query.column(0);
    row.mask = query.column(1);
    row.width = query.integer(2);
    row.height = query.integer(3);
    const nlohmann::json confidence = nlohmann::json::parse(query.column(4));
    for (const auto& [id, value] : confidence.items()) {
        row.confidence[std::stoi(id)] = value.get<double>();
    }
    row.mean_confidence = query.real_column(5);
    return row;
}

void for_every_row(sqlite3* database, const std::function<void(const swsss::Labelled&)>& row) {
    swsss::Statement query(
        database, "SELECT image, mask, width, height, confidence, mean_confidence FROM labelled ORDER BY image");
    while (query.step()) {
        row(row_of(query));
    }
}

std::size_t count_rows(sqlite3* database) {
    swsss::Statement query(database, "SELECT count(*) FROM labelled");
    return query.step() ? static_cast<std::size_t>(query.integer(0)) : 0;
}

int convert(const fs::path& labels, const fs::path& classes, const std::vector<std::string>& formats,
            const std::string& image_prefix) {
    const Database database = open_journal(labels / "journal.sqlite");
    const swsss::ClassTable table = read_classes(classes);
    swsss::check_formats(formats, table, image_prefix);
    std::size_t told = 0;
    const swsss::Converted converted = swsss::convert(
        labels, table, formats, image_prefix, [&](const auto& row) { for_every_row(database.get(), row); },
        count_rows(database.get()), [&](std::size_t done) { told = done; });
    for (const fs::path& file : converted.files) {
        std::cout << file.string() << "\n";
    }
    std::cout << told << " images, " << converted.failed.size() << " failures\n";
    return 0;
}

}  // namespace

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): a test tool
    CLI::App app("convert a labels folder");
    fs::path labels;
    fs::path classes;
    std::vector<std::string> formats;
    std::string image_prefix;
    app.add_option("labels", labels)->required();
    app.add_option("--classes", classes)->required();
    app.add_option("--format", formats);
    app.add_option("--image-prefix", image_prefix);
    CLI11_PARSE(app, argc, argv)
    try {
        return convert(labels, classes, formats, image_prefix);
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 2;
    }
}
