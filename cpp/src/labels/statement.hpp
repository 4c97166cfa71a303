/// SQL statements of the journal.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

namespace swsss {

/// SQLite could not do what it was asked to; `code` is its extended result code.
class JournalError : public std::runtime_error {
  public:
    JournalError(int code, const std::string& message) : std::runtime_error(message), code_(code) {}
    [[nodiscard]] int code() const noexcept { return code_; }

  private:
    int code_;
};

/// A prepared statement, bound and stepped through, ready for the next time.
class Statement {
  public:
    Statement(sqlite3* database, const char* sql) : database_(database) {
        sqlite3_stmt* made = nullptr;
        check(sqlite3_prepare_v2(database, sql, -1, &made, nullptr));
        statement_.reset(made);
    }

    Statement& text(const std::string& value) {
        check(
            sqlite3_bind_text64(statement_.get(), ++bound_, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
        return *this;
    }
    Statement& bytes(const std::string& value) {
        check(sqlite3_bind_blob64(statement_.get(), ++bound_, value.data(), value.size(), SQLITE_TRANSIENT));
        return *this;
    }
    Statement& number(std::int64_t value) {
        check(sqlite3_bind_int64(statement_.get(), ++bound_, value));
        return *this;
    }
    Statement& real(double value) {
        check(sqlite3_bind_double(statement_.get(), ++bound_, value));
        return *this;
    }

    /// Whether there is a row; after the last one it is ready to be bound again.
    bool step() {
        const int code = sqlite3_step(statement_.get());
        if (code == SQLITE_ROW) {
            return true;
        }
        const std::string message = code == SQLITE_DONE ? "" : sqlite3_errmsg(database_);
        const int extended = sqlite3_extended_errcode(database_);
        reset();
        if (code != SQLITE_DONE) {
            throw JournalError(extended, message);
        }
        return false;
    }

    void reset() {
        sqlite3_reset(statement_.get());
        bound_ = 0;
    }

    [[nodiscard]] std::string column(int index) const {
        const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), index));
        const int size = sqlite3_column_bytes(statement_.get(), index);
        return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
    }
    [[nodiscard]] int integer(int index) const { return sqlite3_column_int(statement_.get(), index); }
    [[nodiscard]] double real_column(int index) const { return sqlite3_column_double(statement_.get(), index); }

  private:
    void check(int code) const {
        if (code != SQLITE_OK) {
            throw JournalError(sqlite3_extended_errcode(database_), sqlite3_errmsg(database_));
        }
    }

    struct Finalizer {
        void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
    };

    sqlite3* database_;
    std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
    int bound_ = 0;
};

}  // namespace swsss
