/// For tests/test_cpp_plan.py: makes a plan and tells it as JSON.
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/text.hpp"
#include "labels/plan.hpp"
#include "swsss/errors.hpp"

int main(int count, char** words) {
    CLI::App app;
    std::filesystem::path folder;
    std::filesystem::path classes;
    swsss::Selection selection;
    std::string recipe;
    app.add_option("folder", folder)->required();
    app.add_option("--classes", classes)->required();
    app.add_option("--labels", selection.labels);
    app.add_flag("--untagged", selection.untagged);
    app.add_option("--only", selection.only);
    app.add_option("--limit", selection.limit);
    app.add_option("--recipe", recipe);
    CLI11_PARSE(app, count, words);
    nlohmann::json told;
    try {
        std::vector<std::string> names;
        const std::string text = swsss::read_file(classes);
        for (const auto line : swsss::split(swsss::strip(text), "\n")) {
            names.emplace_back(line);
        }
        const swsss::Plan plan = swsss::make_plan(folder, selection, swsss::ClassTable(names), recipe);
        told = {{"names", nlohmann::json::array()},
                {"untagged", nlohmann::json::array()},
                {"wanted", nlohmann::json::array()}};
        for (const std::size_t image : plan.chosen) {
            const swsss::Item item = plan.item(image);
            const auto tags = item.tags ? nlohmann::json(*item.tags) : nlohmann::json();
            told["names"].push_back({item.image, item.mask, tags, swsss::hex(item.key)});
        }
        for (const std::size_t image : plan.untagged) {
            told["untagged"].push_back(plan.images[image]);
        }
        for (const std::string& image : plan.images) {
            if (plan.is_wanted(image)) {
                told["wanted"].push_back(image);
            }
        }
    } catch (const swsss::UserError& error) {
        told = {{"error", error.what()}};
    }
    std::cout << told.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}
