#include "tags/tags.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/files.hpp"
#include "base/text.hpp"
#include "swsss/errors.hpp"
#include "tags/csv.hpp"
#include "tags/image_names.hpp"
#include "tags/row_problems.hpp"
#include "tags/tag_labels.hpp"

namespace swsss {
namespace {

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

/// By its header: as European Excel writes it, or with commas.
char delimiter_of(std::string_view text) {
    const std::string_view header = text.substr(0, text.find_first_of("\r\n"));
    return header.find(';') != std::string_view::npos && header.find(',') == std::string_view::npos ? ';' : ',';
}

/// Reads one file.
class Reader {
  public:
    Reader(const std::filesystem::path& path, std::string_view text, const ClassTable& classes,
           const std::vector<std::string>& images)
        : classes_(classes),
          images_(images),
          names_(images),
          rows_(text, delimiter_of(text)),
          problems_(path),
          table_(images.size()),
          first_lines_(images.size()) {}

    TagTable read() {
        std::vector<std::string> header = next_row().value_or(std::vector<std::string>{});
        for (std::string& name : header) {
            name = std::string(strip(name));
        }
        width_ = header.size();
        labels_ = problems_.any() ? std::nullopt : read_header(header, classes_, problems_);
        if (labels_) {
            while (const auto row = next_row()) {
                take(*row);
            }
        }
        problems_.raise_any();
        return std::move(table_);
    }

  private:
    /// The next row; one that is not valid CSV counts as empty.
    std::optional<std::vector<std::string>> next_row() {
        try {
            return rows_.next();
        } catch (const CsvError& error) {
            problems_.add(rows_.line(), std::string("this row is not valid CSV: ") + error.what() + ".");
            return std::vector<std::string>{};
        }
    }

    void take(const std::vector<std::string>& row) {
        if (is_blank(row)) {
            return;
        }
        if (row.size() != width_) {
            problems_.add(rows_.line(), wrong_width(row.size(), width_));
            return;
        }
        const auto image = names_.find(row[0]);
        if (!image) {
            problems_.add(rows_.line(), names_.why_not(row[0]));
        }
        const RowTags& tags = (*labels_)(std::span(row).subspan(1));
        for (const std::string& problem : tags.wrong) {
            problems_.add(rows_.line(), problem);
        }
        if (image && tags.wrong.empty()) {
            give(*image, table_.intern(tags.tags));
        }
    }

    void give(std::size_t image, std::uint32_t tags) {
        if (!table_.has(image)) {
            first_lines_[image] = rows_.line();
        }
        if (table_.give(image, tags) != tags) {
            problems_.add(rows_.line(), "'" + images_[image] + "' is already on line " +
                                            std::to_string(first_lines_[image]) + " with other labels; keep one row.");
        }
    }

    const ClassTable& classes_;
    const std::vector<std::string>& images_;
    ImageNames names_;
    CsvReader rows_;
    RowProblems problems_;
    TagTable table_;
    std::size_t width_ = 0;
    std::optional<LabelsOfFields> labels_;
    std::vector<std::size_t> first_lines_;  // of images that have a row
};

std::string read_text(const std::filesystem::path& path) {
    std::string text;
    try {
        text = read_file(path);
    } catch (const FileError& error) {
        throw UserError(path.string() + " cannot be read: " + error.reason() + ".");
    }
    if (!is_utf8(text)) {
        throw UserError(path.string() + " is not UTF-8; save the file as UTF-8.");
    }
    return text;
}

}  // namespace

TagTable read_tags(const std::filesystem::path& path, const ClassTable& classes,
                   const std::vector<std::string>& images) {
    const std::string text = read_text(path);
    return Reader(path, remove_prefix(text, "\xEF\xBB\xBF"), classes, images).read();
}

}  // namespace swsss
