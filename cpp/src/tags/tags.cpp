#include "tags/tags.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/files.hpp"
#include "base/text.hpp"
#include "swsss/errors.hpp"
#include "tags/csv.hpp"
#include "tags/image_names.hpp"
#include "tags/lines.hpp"
#include "tags/row_problems.hpp"
#include "tags/tag_labels.hpp"
#include "tags/text_file.hpp"

namespace swsss {
namespace {

/// Lets a map of strings be asked with parts of a text.
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

std::string wrong_width(std::size_t found, std::size_t width) {
    const std::string count = std::to_string(found);
    if (found < width) {
        return count + " of " + std::to_string(width) +
               " fields; an image with no class still has all of them, the last empty or 0.";
    }
    return count + " fields instead of " + std::to_string(width) +
           "; put several labels into one field, with '|' between them.";
}

bool is_blank(const std::vector<std::string>& row) {
    return std::all_of(row.begin(), row.end(), [](const std::string& field) { return strip(field).empty(); });
}

/// Reads one file.
class Reader {
  public:
    Reader(const std::filesystem::path& path, const ClassTable& classes, const std::vector<std::string>& images)
        : classes_(classes),
          images_(images),
          names_(images),
          lines_(open_text(path)),
          problems_(path),
          table_(images.size()) {}

    TagTable read() {
        const std::string first(lines_.next());
        const bool semicolons = first.find(';') != std::string::npos && first.find(',') == std::string::npos;
        fields_.emplace(lines_, delimiter_ = semicolons ? ';' : ',');
        std::vector<std::string> header = split_row(first, 1);
        for (std::string& name : header) {
            name = std::string(strip(name));
        }
        width_ = header.size();
        labels_ = problems_.any() ? std::nullopt : read_header(header, classes_, problems_);
        if (labels_) {
            first_lines_.resize(images_.size());
            read_rows();
            tell_conflicts();
        } else {
            lines_.skip_rest();
        }
        problems_.raise_any();
        return std::move(table_);
    }

  private:
    /// The image and the tags of a row, each none where it is wrong or the row is blank.
    struct Row {
        std::optional<std::size_t> image;
        std::optional<std::uint32_t> tags;
    };

    /// The fields of the row that starts with `text`; none when it is not valid.
    std::vector<std::string> split_row(std::string_view text, std::size_t line) {
        try {
            return fields_->read(text);
        } catch (const CsvError& error) {
            const std::string wrong = error.what();
            problems_.add(line,
                          "this row is not valid CSV (" + wrong + "); check its quotes and save the file as UTF-8.");
            return {};
        }
    }

    void read_rows() {
        std::size_t line = 2;
        for (std::string_view text = lines_.next(); !text.empty(); text = lines_.next()) {
            line += 1 + read_row(text, line);
        }
    }

    /// Read the row that starts with `text`.
    /// @returns How many more lines it takes.
    std::size_t read_row(std::string_view text, std::size_t line) {
        const std::size_t end = std::min(text.find(delimiter_), text.size());
        const std::string_view name = text.substr(0, end);
        const std::string_view rest = text.substr(std::min(end + 1, text.size()));
        const bool quoted = name.find('"') != std::string_view::npos;
        // Most rows say what others said before them, and need not be split.
        const auto known = known_.find(rest);
        Row row{quoted ? std::nullopt : names_.find(name),
                known == known_.end() ? std::nullopt : std::optional(known->second)};
        std::size_t more = 0;
        if (!row.image || !row.tags) {
            row = check(split_row(text, line), line);
            more = fields_->more();
            if (row.tags && more == 0 && !quoted && known_.size() < LabelsOfFields::kept) {
                known_.emplace(rest, *row.tags);
            }
        }
        if (row.image && row.tags) {
            take(*row.image, *row.tags, line);
        }
        return more;
    }

    Row check(const std::vector<std::string>& row, std::size_t line) {
        if (is_blank(row)) {
            return {};
        }
        if (row.size() != width_) {
            problems_.add(line, wrong_width(row.size(), width_));
            return {};
        }
        Row found;
        found.image = names_.find(row[0]);
        if (!found.image) {
            problems_.add(line, names_.why_not(row[0]));
        }
        const RowTags& tags = (*labels_)(std::span(row).subspan(1));
        for (const std::string& problem : tags.wrong) {
            problems_.add(line, problem);
        }
        if (tags.wrong.empty()) {
            found.tags = table_.intern(tags.tags);
        }
        return found;
    }

    void take(std::size_t image, std::uint32_t tags, std::size_t line) {
        if (!table_.has(image)) {
            first_lines_[image] = line;
        }
        if (table_.give(image, tags) != tags) {
            conflicts_.emplace_back(line, image);
        }
    }

    void tell_conflicts() {
        for (const auto& [line, image] : conflicts_) {
            problems_.add(line, "'" + images_[image] + "' already stands on line " +
                                    std::to_string(first_lines_[image]) + " with other labels; keep one row.");
        }
    }

    const ClassTable& classes_;
    const std::vector<std::string>& images_;
    ImageNames names_;
    Lines lines_;
    RowProblems problems_;
    TagTable table_;
    char delimiter_ = ',';
    std::optional<CsvReader> fields_;
    std::size_t width_ = 0;
    std::optional<LabelsOfFields> labels_;
    std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> known_;  // by all behind the name
    std::vector<std::size_t> first_lines_;                                             // of images that have a row
    std::vector<std::pair<std::size_t, std::size_t>> conflicts_;                       // line, image
};

}  // namespace

TagTable read_tags(const std::filesystem::path& path, const ClassTable& classes,
                   const std::vector<std::string>& images) {
    try {
        return Reader(path, classes, images).read();
    } catch (const FileError& error) {
        throw UserError(path.string() + " cannot be read: " + error.reason() + ".");
    } catch (const NotUtf8& error) {
        // Alone: what these bytes stand for, and so all else, cannot be known.
        RowProblems problems(path);
        problems.add(error.line(), "the text is not UTF-8; save the file as UTF-8.");
        problems.raise_any();
        throw;
    }
}

}  // namespace swsss
