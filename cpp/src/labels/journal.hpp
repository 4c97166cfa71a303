/// The journal: what is labelled, under which model, options and tags. SQLite, safe against a kill at any moment.
#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "labels/records.hpp"
#include "labels/statement.hpp"

namespace swsss {

/// The journal of a labels folder; only one process at a time can hold it. Its format is that of `swsss.serve.journal`.
///
/// Whoever writes or reads it can meet a full disk or damage: `JournalError`, which `explain` puts into words.
class Journal {
  public:
    /// What is known of an image that is labelled.
    struct Done {
        std::string key;
        std::string mask;
        bool confidence_map;
    };

    /// Whether a row is wanted, by the name of its image.
    using Wanted = std::function<bool(const std::string&)>;

    /// @param path `journal.sqlite`; made when it is not there.
    /// @throws UserError Another process holds it, it is damaged, of a newer format, or cannot be written.
    explicit Journal(std::filesystem::path path);
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;
    Journal(Journal&&) = delete;
    Journal& operator=(Journal&&) = delete;
    ~Journal();

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

    /// Whether the process that held it before was killed, or stopped half-way.
    [[nodiscard]] bool interrupted() const noexcept { return interrupted_; }

    [[nodiscard]] std::optional<Done> done(const std::string& image);

    /// Note, on disk at once, that a mask is about to be written for an image, whoever's it is now.
    void forget(const std::string& image, const std::string& mask);

    /// Note that a mask is written, under which recipe and key (digests of 16 bytes).
    void add_labelled(const Labelled& row, const std::string& recipe, const std::string& key, bool confidence_map);

    /// Note that an image could not be labelled.
    void add_failed(const Failed& row);

    /// Bring what was noted to disk.
    void save();

    /// Call back for the wanted images that were labelled under a recipe, in the order of names.
    void labelled(const std::string& recipe, const Wanted& wanted, const std::function<void(const Labelled&)>& row);

    /// Call back for the wanted images that failed, in the order of names.
    void failed(const Wanted& wanted, const std::function<void(const Failed&)>& row);

    /// Save, and note that everything is in order.
    void finish();

  private:
    void take_hold();
    void check_format();
    void run(const char* sql);
    [[nodiscard]] std::optional<std::string> about(const std::string& name);
    void note(const std::string& name, const std::string& value);
    Statement& statement(const char* sql);

    struct Closer {
        void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
    };

    std::filesystem::path path_;
    std::unique_ptr<sqlite3, Closer> database_;
    std::map<std::string_view, std::unique_ptr<Statement>> statements_;  // prepared once; keys are literals
    bool interrupted_ = false;
};

/// What an error of the journal at `path` means, and what to do.
[[nodiscard]] std::string explain(const std::filesystem::path& path, const JournalError& error);

}  // namespace swsss
