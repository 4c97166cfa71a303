#include "tags/tag_labels.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/text.hpp"

namespace swsss {
namespace {

constexpr const char* separators = ";|,";
constexpr const char* expected = "the first line must be 'image,labels' or 'image,' and one column per class";
constexpr const char* background = "background";

/// The labels that a field names, as written.
std::vector<std::string_view> names_in(std::string_view field, const ClassTable& classes) {
    if (classes.find(std::string(field)) >= 0) {
        return {field};
    }
    return field.find_first_of(separators) != std::string_view::npos ? split(field, separators) : split_blank(field);
}

bool has_blank(const std::string& name) { return name.find(' ') != std::string::npos; }

RowTags parse_labels(std::string_view field, const ClassTable& classes) {
    field = strip(field);
    const std::vector<std::string_view> names = names_in(field, classes);
    std::set<std::string> wanted;
    for (const std::string_view name : names) {
        wanted.emplace(strip(name));
    }
    wanted.erase("");
    wanted.erase(background);
    RowTags row;
    for (const std::string& name : wanted) {
        const int id = classes.find(name);
        if (id > 0) {
            row.tags.push_back(id);
        } else if (id < 0) {
            row.wrong.push_back("unknown class '" + name + "'; " + classes.listing());
        }
    }
    std::sort(row.tags.begin(), row.tags.end());
    const bool separated = field.find_first_of(separators) != std::string_view::npos;
    if (!row.wrong.empty() && !separated && names.size() > 1 &&
        std::any_of(classes.names().begin(), classes.names().end(), has_blank)) {
        row.wrong.emplace_back("spaces separate labels here; write ';' between labels when class names hold spaces.");
    }
    return row;
}

RowTags parse_columns(std::span<const std::string> fields, const std::vector<std::string>& names,
                      const std::vector<int>& ids) {
    RowTags row;
    for (std::size_t column = 0; column < names.size(); ++column) {
        const std::string_view value = strip(fields[column]);
        if (value == "1" && ids[column] > 0) {
            row.tags.push_back(ids[column]);
        } else if (value != "0" && value != "1") {
            row.wrong.push_back("'" + std::string(value) + "' under '" + names[column] +
                                "' is neither 0 nor 1; write 1 where the image holds the class, else 0.");
        }
    }
    std::sort(row.tags.begin(), row.tags.end());
    return row;
}

void check_columns(const std::vector<std::string>& names, const ClassTable& classes, RowProblems& problems) {
    std::set<std::string> seen;
    for (const std::string& name : names) {
        if (!seen.insert(name).second) {
            continue;
        }
        if (classes.find(name) < 0 && name != background) {
            problems.add(1, "column '" + name + "' is not a class; " +
                                (names.size() == 1 ? "did you mean 'labels'?" : classes.listing()));
        } else if (std::count(names.begin(), names.end(), name) > 1) {
            problems.add(1, "column '" + name + "' occurs twice; keep one of them.");
        }
    }
}

std::optional<LabelsOfFields> wide_table(const std::vector<std::string>& names, const ClassTable& classes,
                                         RowProblems& problems) {
    check_columns(names, classes, problems);
    if (problems.any()) {
        return std::nullopt;
    }
    std::vector<int> ids;
    ids.reserve(names.size());
    for (const std::string& name : names) {
        ids.push_back(std::max(0, classes.find(name)));
    }
    return LabelsOfFields([names, ids = std::move(ids)](std::span<const std::string> fields) {
        return parse_columns(fields, names, ids);
    });
}

}  // namespace

const RowTags& LabelsOfFields::operator()(std::span<const std::string> fields) {
    std::string key;
    for (const std::string& field : fields) {
        key += field;
        key += '\0';
    }
    if (const auto known = known_.find(key); known != known_.end()) {
        return known->second;
    }
    if (known_.size() >= kept) {
        known_.clear();
    }
    return known_.emplace(std::move(key), parse_(fields)).first->second;
}

std::optional<LabelsOfFields> read_header(const std::vector<std::string>& header, const ClassTable& classes,
                                          RowProblems& problems) {
    if (std::all_of(header.begin(), header.end(), [](const auto& name) { return name.empty(); })) {
        problems.add(1, std::string("there is no header; ") + expected + ".");
        return std::nullopt;
    }
    if (lower(header[0]) != "image" || header.size() == 1) {
        problems.add(1, "the header starts with '" + header[0] + "'; " + expected + ".");
        return std::nullopt;
    }
    if (header.size() == 2 && lower(header[1]) == "labels") {
        return LabelsOfFields(
            [&classes](std::span<const std::string> fields) { return parse_labels(fields[0], classes); });
    }
    return wide_table({header.begin() + 1, header.end()}, classes, problems);
}

}  // namespace swsss
