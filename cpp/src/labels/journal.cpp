#include "labels/journal.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/files.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

constexpr int journal_format = 1;

constexpr const char* schema = R"(
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labelled (
    image BLOB PRIMARY KEY, recipe BLOB NOT NULL, key BLOB NOT NULL, mask BLOB NOT NULL UNIQUE,
    confidence_map INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, tags TEXT NOT NULL,
    pixels TEXT NOT NULL, confidence TEXT NOT NULL, mean_confidence REAL NOT NULL, seconds REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failed (
    image BLOB PRIMARY KEY, stage TEXT NOT NULL, reason BLOB NOT NULL
) WITHOUT ROWID;
)";

/// Numbers by class id as JSON, `{"0": 12, "3": 4}`; as an object, whose keys are strings.
template <typename Value>
std::string to_json(const std::map<int, Value>& values) {
    nlohmann::json object = nlohmann::json::object();
    for (const auto& [id, value] : values) {
        object[std::to_string(id)] = value;
    }
    return object.dump();
}

/// Whether a path is relative, and leads neither up nor anywhere but to a file.
bool is_plain_path(const std::filesystem::path& path) {
    return !path.empty() && path.is_relative() && path.has_filename() &&
           path.native().find('\0') == std::string::npos &&
           std::none_of(path.begin(), path.end(), [](const auto& part) { return part == ".." || part == "."; });
}

template <typename Value>
std::map<int, Value> from_json(const std::string& text) {
    std::map<int, Value> values;
    const auto object = nlohmann::json::parse(text);
    for (const auto& [id, value] : object.items()) {
        const int number = std::stoi(id);
        if (number < 0 || number > 255) {
            throw std::out_of_range("a class id of " + id);
        }
        values[number] = value.template get<Value>();
    }
    return values;
}

}  // namespace

Journal::Journal(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code failed;
    std::filesystem::create_directories(path_.parent_path(), failed);
    if (failed) {
        throw UserError(path_.parent_path().string() + " cannot be made: " + reason_of(failed.value()) + ".");
    }
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(path_.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    database_.reset(opened);
    try {
        if (code != SQLITE_OK) {
            throw JournalError(sqlite3_extended_errcode(opened), sqlite3_errmsg(opened));
        }
        take_hold();
    } catch (const JournalError& error) {
        throw UserError(explain(path_, error));
    }
}

Journal::~Journal() = default;

void Journal::take_hold() {
    sqlite3_busy_timeout(database_.get(), 1000);
    // Held until close: two runs in one folder would write over each other.
    run("PRAGMA locking_mode = EXCLUSIVE");
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = NORMAL");
    run("BEGIN IMMEDIATE");
    run(schema);
    check_format();
    run("COMMIT");
    interrupted_ = about("running") == "yes";
    run("BEGIN");
    note("running", "yes");
    save();
}

void Journal::check_format() {
    statement("INSERT OR IGNORE INTO about VALUES ('format', ?)").text(std::to_string(journal_format)).step();
    const std::string found = about("format").value_or("");
    const bool decimal = !found.empty() && found.size() < 9 && std::all_of(found.begin(), found.end(), [](char digit) {
        return digit >= '0' && digit <= '9';
    });
    if (!decimal) {
        throw JournalError(SQLITE_ERROR, "not a journal");
    }
    if (std::stoi(found) > journal_format) {
        throw UserError(path_.string() + " has format " + found + ", newer than this swsss reads (" +
                        std::to_string(journal_format) + "); upgrade swsss.");
    }
}

void Journal::run(const char* sql) {
    if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
        throw JournalError(sqlite3_extended_errcode(database_.get()), sqlite3_errmsg(database_.get()));
    }
}

Statement& Journal::statement(const char* sql) {
    auto& prepared = statements_[sql];
    if (!prepared) {
        prepared = std::make_unique<Statement>(database_.get(), sql);
    }
    prepared->reset();
    return *prepared;
}

std::optional<std::string> Journal::about(const std::string& name) {
    auto& query = statement("SELECT value FROM about WHERE name = ?").text(name);
    if (!query.step()) {
        return std::nullopt;
    }
    std::string value = query.column(0);
    query.reset();
    return value;
}

void Journal::note(const std::string& name, const std::string& value) {
    statement("INSERT OR REPLACE INTO about VALUES (?, ?)").text(name).text(value).step();
}

std::optional<Journal::Done> Journal::done(const std::string& image) {
    auto& query = statement("SELECT key, mask, confidence_map FROM labelled WHERE image = ?").bytes(image);
    if (!query.step()) {
        return std::nullopt;
    }
    Done found{query.column(0), query.column(1), query.integer(2) != 0};
    query.reset();
    return found;
}

void Journal::forget(const std::string& image, const std::string& mask) {
    statement("DELETE FROM labelled WHERE image = ? OR mask = ?").bytes(image).bytes(mask).step();
    if (sqlite3_changes(database_.get()) > 0) {
        save();
    }
}

void Journal::add_labelled(const Labelled& row, const std::string& recipe, const std::string& key,
                           bool confidence_map) {
    statement("INSERT OR REPLACE INTO labelled VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bytes(row.image)
        .bytes(recipe)
        .bytes(key)
        .bytes(row.mask)
        .number(confidence_map ? 1 : 0)
        .number(row.width)
        .number(row.height)
        .text(row.tags ? nlohmann::json(*row.tags).dump() : "null")
        .text(to_json(row.pixels))
        .text(to_json(row.confidence))
        .real(row.mean_confidence)
        .real(row.seconds)
        .step();
    statement("DELETE FROM failed WHERE image = ?").bytes(row.image).step();
}

void Journal::add_failed(const Failed& row) {
    statement("INSERT OR REPLACE INTO failed VALUES (?, ?, ?)")
        .bytes(row.image)
        .text(row.stage)
        .bytes(row.reason)
        .step();
    statement("DELETE FROM labelled WHERE image = ?").bytes(row.image).step();
}

void Journal::save() {
    run("COMMIT");
    run("BEGIN");
}

void Journal::labelled(const std::string& recipe, const Wanted& wanted,
                       const std::function<void(const Labelled&)>& row) {
    auto& query = statement("SELECT * FROM labelled WHERE recipe = ? ORDER BY image").bytes(recipe);
    while (query.step()) {
        Labelled found;
        found.image = query.column(0);
        if (!wanted(found.image)) {
            continue;
        }
        try {
            const auto tags = nlohmann::json::parse(query.column(7));
            if (!tags.is_null()) {
                found.tags = tags.get<std::vector<int>>();
            }
            found.pixels = from_json<std::int64_t>(query.column(8));
            found.confidence = from_json<double>(query.column(9));
        } catch (const std::exception& error) {
            throw JournalError(SQLITE_CORRUPT, error.what());
        }
        found.mask = query.column(3);
        if (!is_plain_path(found.mask)) {
            throw JournalError(SQLITE_CORRUPT, "a mask outside its folder");
        }
        found.width = query.integer(5);
        found.height = query.integer(6);
        found.mean_confidence = query.real_column(10);
        found.seconds = query.real_column(11);
        row(found);
    }
}

void Journal::failed(const Wanted& wanted, const std::function<void(const Failed&)>& row) {
    auto& query = statement("SELECT image, stage, reason FROM failed ORDER BY image");
    while (query.step()) {
        const Failed found{query.column(0), query.column(1), query.column(2)};
        if (wanted(found.image)) {
            row(found);
        }
    }
}

void Journal::finish() {
    note("running", "");
    save();
}

std::string explain(const std::filesystem::path& path, const JournalError& error) {
    const std::string told = std::string(" (") + error.what() + ")";
    switch (error.code() & 0xFF) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return "Another swsss-label is at work in " + path.parent_path().string() +
                   "; wait for it, or choose another --out.";
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
        case SQLITE_PERM:
            return path.string() + " cannot be written" + told + "; check the rights and the free space of " +
                   path.parent_path().string() + ".";
        default:
            return path.string() + " is damaged or of another program" + told +
                   "; move it away and label everything anew with --overwrite.";
    }
}

}  // namespace swsss
