/// The labels folder: what is in it, what is due, and what a run leaves behind.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "labels/journal.hpp"
#include "labels/manifest.hpp"
#include "labels/pipeline.hpp"
#include "labels/plan.hpp"
#include "report/report.hpp"

namespace swsss {

/// A labels folder, held by this process as long as the object lives.
class LabelsFolder {
  public:
    /// @param path The folder; made when it is not there.
    /// @param plan What it is to hold; must outlive this.
    /// @param overwrite Label everything anew, also where masks lie that no program of ours wrote.
    /// @throws UserError It holds something else, another process works in it, or it cannot be written.
    LabelsFolder(std::filesystem::path path, const Plan& plan, bool overwrite);

    /// Whether an image has to be labelled: it is not, or something that decides its mask has changed.
    [[nodiscard]] bool is_due(const Item& item, bool confidence);

    /// To be called before an image is labelled: what was known of its mask is forgotten before it can be written over.
    ///
    /// A mask that is to get another name is removed: it would pass for a label.
    void begin(const Item& item);

    /// Take down what became of an image. Its files are written before; older ones that no longer hold go.
    void note(const Outcome& outcome, bool confidence);

    /// Bring what was noted to disk.
    void save() { journal_.save(); }

    /// Write manifest, failures, classes and report, of the images that belong here.
    /// @returns How many images failed.
    /// @throws FileError A file cannot be written.
    /// @throws JournalError The journal cannot be read or written.
    int finish(const ClassTable& classes, const std::vector<std::pair<std::string, std::string>>& facts,
               const Speed& speed);

    [[nodiscard]] const Journal& journal() const noexcept { return journal_; }

  private:
    void remove(const std::string& mask) const;

    std::filesystem::path path_;
    const Plan& plan_;
    bool overwrite_;
    std::string recipe_;
    Journal journal_;
    std::optional<std::string> checked_;  // the folder in which the last mask was seen to lie inside
};

}  // namespace swsss
