#include "labels/folder.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "base/files.hpp"
#include "base/hash.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;

constexpr const char* journal_name = "journal.sqlite";
constexpr const char* leftover = ".*.tmp";

bool is_leftover(const fs::path& path) { return ::fnmatch(leftover, path.filename().c_str(), 0) == 0; }

/// The folder itself, once it is seen to be empty or ours.
fs::path ours(fs::path path, bool overwrite) {
    if (overwrite) {
        return path;
    }
    std::error_code unknown;
    if (fs::exists(path, unknown) && !fs::is_directory(path, unknown)) {
        throw UserError("--out " + path.string() + " is a file; name a folder.");
    }
    if (fs::is_regular_file(path / journal_name, unknown) || !fs::is_directory(path, unknown)) {
        return path;
    }
    std::error_code failed;
    const fs::directory_iterator entries(path, failed);
    if (failed) {
        throw UserError(path.string() + " cannot be read: " + reason_of(failed.value()) + "; choose another --out.");
    }
    if (std::any_of(fs::begin(entries), fs::end(entries),
                    [](const auto& entry) { return !is_leftover(entry.path()); })) {
        throw UserError(path.string() +
                        " is not empty and was not written by swsss-label; choose another --out, or --overwrite to "
                        "write into it.");
    }
    return path;
}

/// Remove what a killed process was just writing.
void sweep(const fs::path& path) {
    std::error_code failed;
    for (auto entry = fs::recursive_directory_iterator(path, failed); entry != fs::recursive_directory_iterator();
         entry.increment(failed)) {
        if (is_leftover(entry->path())) {
            std::error_code gone;
            fs::remove(entry->path(), gone);
        }
        if (failed) {
            return;
        }
    }
}

void unlink_missing_ok(const fs::path& path) {
    std::error_code failed;
    fs::remove(path, failed);
    // A name too long to exist cannot be there.
    if (failed && failed.value() != ENOENT && failed.value() != ENAMETOOLONG && failed.value() != ENOTDIR) {
        throw FileError(failed.value(), path);
    }
}

/// Whether a path below the folder leads to a place in it, whatever links there are on the way.
bool leads_inside(const fs::path& folder, const fs::path& path) {
    std::error_code failed;
    const fs::path root = fs::weakly_canonical(folder, failed);
    const fs::path place = failed ? fs::path() : fs::weakly_canonical((folder / path).parent_path(), failed);
    const auto [inside, rest] = std::mismatch(root.begin(), root.end(), place.begin(), place.end());
    return !failed && inside == root.end();
}

/// @throws JournalError A row names a class that there is not.
void check_classes(const Labelled& row, std::size_t count) {
    const auto is_unknown = [count](int id) { return id < 0 || (id != 255 && static_cast<std::size_t>(id) >= count); };
    const auto has_unknown = [&](const auto& values) {
        return std::any_of(values.begin(), values.end(), [&](const auto& value) { return is_unknown(value.first); });
    };
    if ((row.tags && std::any_of(row.tags->begin(), row.tags->end(), is_unknown)) || has_unknown(row.pixels) ||
        has_unknown(row.confidence)) {
        throw JournalError(SQLITE_CORRUPT, "a class that the model has not");
    }
}

/// Whether a mask may be that of an image, under the name it has or had: whatever a journal says, nothing else goes.
bool may_be_its_mask(const std::string& mask, const std::string& image) {
    return mask == image + ".png" || mask == fs::path(image).replace_extension(".png").string();
}

}  // namespace

LabelsFolder::LabelsFolder(fs::path path, const Plan& plan, bool overwrite)
    : path_(ours(std::move(path), overwrite)),
      plan_(plan),
      overwrite_(overwrite),
      recipe_(blake2b_16(plan.recipe)),
      journal_(path_ / journal_name) {
    if (journal_.interrupted()) {
        sweep(path_);
    }
}

bool LabelsFolder::is_due(const Item& item, bool confidence) {
    const auto done = overwrite_ ? std::nullopt : journal_.done(item.image);
    std::error_code unknown;
    if (!done || done->key != item.key || done->mask != item.mask || !fs::exists(path_ / "masks" / done->mask, unknown)) {
        return true;
    }
    return confidence && !(done->confidence_map && fs::exists(path_ / "confidence" / done->mask, unknown));
}

void LabelsFolder::begin(const Item& item) {
    const auto before = journal_.done(item.image);
    if (before && before->mask != item.mask && may_be_its_mask(before->mask, item.image)) {
        remove(before->mask);
    }
    const std::string parent = fs::path(item.mask).parent_path().string();
    if (checked_ != parent) {  // the images come sorted
        for (const char* part : {"masks", "confidence"}) {
            if (!leads_inside(path_, fs::path(part) / item.mask)) {
                throw UserError((path_ / part / item.mask).string() + " would lie outside " + path_.string() +
                                ", where a link leads; remove the link.");
            }
        }
        checked_ = parent;
    }
    journal_.forget(item.image, item.mask);
}

void LabelsFolder::note(const Outcome& outcome, bool confidence) {
    if (const auto* failed = std::get_if<Failed>(&outcome.row)) {
        remove(outcome.item.mask);
        journal_.add_failed(*failed);
        return;
    }
    if (!confidence) {
        unlink_missing_ok(path_ / "confidence" / outcome.item.mask);
    }
    journal_.add_labelled(std::get<Labelled>(outcome.row), recipe_, outcome.item.key, confidence);
}

void LabelsFolder::remove(const std::string& mask) const {
    for (const char* part : {"masks", "confidence"}) {
        if (leads_inside(path_, fs::path(part) / mask)) {
            unlink_missing_ok(path_ / part / mask);
        }
    }
}

int LabelsFolder::finish(const ClassTable& classes, const std::vector<std::pair<std::string, std::string>>& facts,
                         const Speed& speed) {
    const auto wanted = [this](const std::string& image) { return plan_.is_wanted(image); };
    const Rows rows = [&](const std::function<void(const Labelled&)>& row) {
        journal_.labelled(recipe_, wanted, [&](const Labelled& one) {
            check_classes(one, classes.names().size());
            row(one);
        });
    };
    std::string names;
    for (const std::string& name : classes.names()) {
        names += name + "\n";
    }
    write_whole(path_ / "classes.txt", names);
    write_manifest(path_ / "manifest.csv", rows, classes);
    Summary summary(classes);
    CsvFile failures(path_ / "failures.csv", failure_columns());
    journal_.failed(wanted, [&](const Failed& row) {
        failures.add({row.image, row.stage, row.reason});
        summary.add(row);
    });
    failures.finish();
    rows([&](const Labelled& row) { summary.add(row); });
    write_report(path_ / "report.html", summary, plan_.folder, path_ / "masks", facts, speed);
    journal_.finish();
    return summary.failed();
}

}  // namespace swsss
