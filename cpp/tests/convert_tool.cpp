// Converts a labels folder: `convert_tool LABELS --classes classes.txt --format coco [--image-prefix P]`. The rows are
// those of its journal, whatever recipe they are of. Tells what was written, a line each; exits with 2 and the reason
// when nothing could be.
#include <CLI/CLI.hpp>
#include <iostream>

#include "formats/convert.hpp"
#include "journal_rows.hpp"
#include "swsss/errors.hpp"

namespace {

namespace fs = std::filesystem;

int convert(const fs::path& labels, const fs::path& classes, const std::vector<std::string>& formats,
            const std::string& image_prefix) {
    const swsss::JournalRows rows(labels / "journal.sqlite");
    const swsss::ClassTable table = swsss::read_classes(classes);
    swsss::check_formats(formats, table, image_prefix);
    std::size_t told = 0;
    const swsss::Converted converted = swsss::convert(
        labels, table, formats, image_prefix, [&](const auto& row) { rows.labelled(row); }, rows.count(),
        [&](std::size_t done) { told = done; });
    for (const fs::path& file : converted.files) {
        std::cout << file.string() << "\n";
    }
    std::cout << told << " images, " << converted.failed.size() << " failures\n";
    return 0;
}

}  // namespace

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): a test tool
    CLI::App app("convert a labels folder");
    fs::path labels;
    fs::path classes;
    std::vector<std::string> formats;
    std::string image_prefix;
    app.add_option("labels", labels)->required();
    app.add_option("--classes", classes)->required();
    app.add_option("--format", formats);
    app.add_option("--image-prefix", image_prefix);
    CLI11_PARSE(app, argc, argv)
    try {
        return convert(labels, classes, formats, image_prefix);
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 2;
    }
}
