#include "labels/manifest.hpp"

#include <algorithm>
#include <string_view>

#include "base/text.hpp"

namespace swsss {
namespace {

std::string in_quotes(std::string_view field) {
    std::string text = "\"";
    for (const char character : field) {
        text += character == '"' ? std::string("\"\"") : std::string(1, character);
    }
    return text + '"';
}

const std::string& name_of(int id, const ClassTable& classes) {
    static const std::string ignored = "ignore";
    return id == ignore_id ? ignored : classes.names()[static_cast<std::size_t>(id)];
}

std::string names_of(const std::vector<int>& ids, const ClassTable& classes) {
    std::vector<std::string> names;
    names.reserve(ids.size());
    for (const int id : ids) {
        names.push_back(name_of(id, classes));
    }
    return join(names, ";");
}

template <typename Values, typename Format>
std::string pairs_of(const Values& values, const ClassTable& classes, const Format& format) {
    std::vector<std::string> parts;
    parts.reserve(values.size());
    for (const auto& [id, value] : values) {
        parts.push_back(name_of(id, classes) + "=" + format(value));
    }
    return join(parts, ";");
}

std::vector<std::string> fields_of(const Labelled& row, const ClassTable& classes) {
    return {row.image,
            row.mask,
            std::to_string(row.width),
            std::to_string(row.height),
            row.tags ? names_of(*row.tags, classes) : "*",
            names_of(row.found(), classes),
            names_of(row.not_found(), classes),
            fixed(row.mean_confidence, 4),
            pairs_of(row.pixels, classes, [](std::int64_t count) { return std::to_string(count); }),
            pairs_of(row.confidence, classes, [](double value) { return fixed(value, 4); })};
}

}  // namespace

CsvFile::CsvFile(const std::filesystem::path& path, const std::vector<std::string>& columns) : file_(path) {
    add(columns);
}

void CsvFile::add(const std::vector<std::string>& fields) {
    const bool everything = std::any_of(fields.begin(), fields.end(),
                                        [](const auto& field) { return field.find('\r') != std::string::npos; });
    std::string line;
    for (const std::string& field : fields) {
        line += &field == fields.data() ? "" : ",";
        line += everything || field.find_first_of(",\"\n") != std::string::npos ? in_quotes(field) : field;
    }
    file_.write(line + "\n");
}

void CsvFile::finish() { file_.finish(); }

void write_manifest(const std::filesystem::path& path, const Rows& rows, const ClassTable& classes) {
    CsvFile file(path, {"image", "mask", "width", "height", "tags", "found", "not_found", "confidence", "pixels",
                        "class_confidence"});
    rows([&](const Labelled& row) { file.add(fields_of(row, classes)); });
    file.finish();
}

std::vector<std::string> failure_columns() { return {"image", "stage", "reason"}; }

}  // namespace swsss
