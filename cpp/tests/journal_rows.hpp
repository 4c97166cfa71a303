/// All rows of a labels folder's journal, whatever recipe they are of, for tools that take the place of a run's end.
#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "labels/records.hpp"
#include "labels/statement.hpp"
#include "swsss/errors.hpp"
#include "tags/class_table.hpp"

namespace swsss {

inline ClassTable read_classes(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::vector<std::string> names;
    for (std::string line; std::getline(file, line);) {
        names.push_back(line);
    }
    return ClassTable(names);
}

/// Reads `journal.sqlite` without taking hold of it.
class JournalRows {
  public:
    explicit JournalRows(const std::filesystem::path& path) : database_(nullptr, sqlite3_close) {
        sqlite3* opened = nullptr;
        const int code = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
        database_.reset(opened);
        if (code != SQLITE_OK) {
            throw UserError(path.string() + " cannot be opened: " + sqlite3_errmsg(opened));
        }
    }

    void labelled(const std::function<void(const Labelled&)>& row) const {
        Statement query(database_.get(),
                        "SELECT image, mask, width, height, tags, pixels, confidence, mean_confidence FROM labelled "
                        "ORDER BY image");
        while (query.step()) {
            row(row_of(query));
        }
    }

    void failed(const std::function<void(const Failed&)>& row) const {
        Statement query(database_.get(), "SELECT image, stage, reason FROM failed ORDER BY image");
        while (query.step()) {
            row({query.column(0), query.column(1), query.column(2)});
        }
    }

    [[nodiscard]] std::size_t count() const {
        Statement query(database_.get(), "SELECT count(*) FROM labelled");
        return query.step() ? static_cast<std::size_t>(query.integer(0)) : 0;
    }

  private:
    template <typename Value>
    static std::map<int, Value> by_class(const std::string& text) {
        std::map<int, Value> values;
        const nlohmann::json object = nlohmann::json::parse(text);
        for (const auto& [id, value] : object.items()) {
            values[std::stoi(id)] = value.template get<Value>();
        }
        return values;
    }

    static Labelled row_of(const Statement& query) {
        Labelled row;
        row.image = query.column(0);
        row.mask = query.column(1);
        row.width = query.integer(2);
        row.height = query.integer(3);
        const nlohmann::json tags = nlohmann::json::parse(query.column(4));
        if (!tags.is_null()) {
            row.tags = tags.get<std::vector<int>>();
        }
        row.pixels = by_class<std::int64_t>(query.column(5));
        row.confidence = by_class<double>(query.column(6));
        row.mean_confidence = query.real_column(7);
        return row;
    }

    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> database_;
};

}  // namespace swsss
