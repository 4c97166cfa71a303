/// The options of swsss-run: the names and groups of swsss-label.
#pragma once

#include <CLI/CLI.hpp>

#include "swsss/label.hpp"

namespace swsss {

/// What the command line says.
struct Options {
    Order order;
    bool self_test = false;
    std::string engine = "auto";
};

/// Let `app` parse into `options`, which has to outlive it.
void add_options(CLI::App& app, Options& options);

/// Say what fits together and what does not, and bring paths into the shape they are told in.
/// @throws UserError The image folder is missing, or an option is not for this program.
void tidy(Options& options);

}  // namespace swsss
