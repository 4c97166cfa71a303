#include "tags/tags.hpp"

#include <optional>
#include <string_view>
#include <unordered_map>
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

constexpr std::size_t kept_texts = 100'000;

std::string read_text(const std::filesystem::path& path) {
    try {
        return read_file(path);
    } catch (const FileError& error) {
        throw UserError(path.string() + " cannot be read: " + error.reason() + ".");
    }
}

/// @throws InputError There are bytes that are not UTF-8: what they stand for, and so all else, cannot be known.
void expect_utf8(const std::filesystem::path& path, std::string_view text) {
    if (is_utf8(text)) {
        return;
    }
    std::size_t line = 1;
    for (const std::string_view part : split(text, "\n")) {
        if (!is_utf8(part)) {
            break;
        }
        ++line;
    }
    RowProblems problems(path);
    problems.add(line, "the text is not UTF-8; save the file as UTF-8.");
    problems.raise_any();
}

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
    for (const std::string& field : row) {
        if (!strip(field).empty()) {
            return false;
        }
    }
    return true;
}

bool holds_nul(const std::vector<std::string>& row) {
    for (const std::string& field : row) {
        if (field.find('\0') != std::string::npos) {
            return true;
        }
    }
    return false;
}

class Reader {
  public:
    Reader(const std::filesystem::path& path, std::string_view text, const ClassTable& classes,
           const std::vector<std::string>& images)
        : classes_(classes),
          images_(images),
          names_(images),
          lines_(text),
          first_(lines_.next()),
          delimiter_(first_.find(';') != std::string_view::npos && first_.find(',') == std::string_view::npos ? ';'
                                                                                                              : ','),
          fields_(lines_, delimiter_),
          problems_(path),
          table_(images.size()) {}

    TagTable read() {
        const std::vector<std::string> header = read_names();
        width_ = header.size();
        labels_ = problems_.any() ? std::nullopt : read_header(header, classes_, problems_);
        if (labels_) {
            first_lines_.resize(images_.size());
            read_rows();
            tell_conflicts();
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

    std::vector<std::string> read_names() {
        std::vector<std::string> header = split_row(first_, 1);
        for (std::string& name : header) {
            name = std::string(strip(name));
        }
        return header;
    }

    std::vector<std::string> split_row(std::string_view text, std::size_t line) {
        std::string wrong;
        try {
            std::vector<std::string> row = fields_.read(text);
            // Taken for text, a UTF-16 file would give nothing but unknown names.
            if (!holds_nul(row)) {
                return row;
            }
            wrong = "it holds a NUL byte";
        } catch (const CsvError& error) {
            wrong = error.what();
        }
        problems_.add(line, "this row is not valid CSV (" + wrong + "); check its quotes and save the file as UTF-8.");
        return {};
    }

    void read_rows() {
        std::size_t line = 1;
        for (std::string_view text = lines_.next(); !text.empty(); text = lines_.next()) {
            ++line;
            const std::size_t end = text.find(delimiter_);
            const std::string_view name = text.substr(0, end);
            const std::string_view rest = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
            const bool quoted = name.find('"') != std::string_view::npos;
            // Most rows name an image as it is spelled and say what others said before them.
            const auto known = known_.find(rest);
            Row row{quoted ? std::nullopt : names_.find_exact(name),
                    known == known_.end() ? std::nullopt : std::optional(known->second)};
            std::size_t more = 0;
            if (!row.image || !row.tags) {
                row = check(split_row(text, line), line);
                more = fields_.more();
                if (row.tags && more == 0 && !quoted && known_.size() < kept_texts) {
                    known_.emplace(rest, *row.tags);
                }
            }
            if (row.image && row.tags) {
                take(*row.image, *row.tags, line);
            }
            line += more;
        }
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
        const RowTags tags = (*labels_)(std::span(row).subspan(1));
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
    std::string_view first_;
    char delimiter_;
    CsvReader fields_;
    RowProblems problems_;
    TagTable table_;
    std::size_t width_ = 0;
    std::optional<ReadLabels> labels_;
    std::unordered_map<std::string_view, std::uint32_t> known_;   // tags by all that stands behind the name
    std::vector<std::size_t> first_lines_;                        // of each image that has a row
    std::vector<std::pair<std::size_t, std::size_t>> conflicts_;  // line, image
};

}  // namespace

TagTable read_tags(const std::filesystem::path& path, const ClassTable& classes,
                   const std::vector<std::string>& images) {
    const std::string text = read_text(path);
    expect_utf8(path, text);
    return Reader(path, remove_prefix(text, "\xEF\xBB\xBF"), classes, images).read();
}

}  // namespace swsss
