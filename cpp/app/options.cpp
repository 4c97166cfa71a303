#include "options.hpp"

#include "swsss/errors.hpp"
#include "swsss/version.hpp"

namespace swsss {
namespace {

constexpr const char* what = "What to label";
constexpr const char* written = "What is written";
constexpr const char* model = "Model and machine";

/// A check whose bounds the help need not repeat: they stand where the value does.
CLI::Validator quiet(CLI::Validator check) { return check.description(""); }

void add_what(CLI::App& app, Order& order) {
    app.add_option("images,--images", order.images, "The image folder.")->type_name("PATH");
    app.add_option("--labels", order.labels, "tags.csv: which classes each image contains.")
        ->type_name("PATH")
        ->group(what);
    app.add_option(
           "--untagged", order.untagged,
           "Images without a row in the tags: leave them out (skip), or label them with every class allowed (all).")
        ->check(quiet(CLI::IsMember({"skip", "all"})))
        ->type_name("[skip|all]")
        ->capture_default_str()
        ->group(what);
    app.add_option("--only", order.only, "Label only the images in this file, one a line.")
        ->type_name("LIST")
        ->group(what);
    app.add_option("--limit", order.limit, "Label at most so many images.")
        ->check(quiet(CLI::NonNegativeNumber))
        ->type_name("N")
        ->group(what);
    app.add_flag("--dry-run", order.dry_run, "Check model, images and tags, and write nothing.")->group(what);
}

void add_written(CLI::App& app, Order& order) {
    app.add_option("--out", order.out, "The labels folder.")->type_name("PATH")->capture_default_str()->group(written);
    app.add_flag("--overwrite", order.overwrite, "Label everything anew, also into a folder that is not ours.")
        ->group(written);
    app.add_flag("--confidence", order.confidence, "Write a grey PNG with the confidence of every pixel as well.")
        ->group(written);
    app.add_option("--ignore-below", order.ignore_below, "Give pixels with a confidence below P the value 255.")
        ->check(quiet(CLI::Range(0.0, 1.0)))
        ->type_name("P")
        ->group(written);
}

void add_model(CLI::App& app, Options& options) {
    Order& order = options.order;
    app.add_option("--model", order.model, "Model file, .onnx or .engine [default: of the newest run in ./runs].")
        ->type_name("PATH")
        ->group(model);
    app.add_option("--max-side", order.max_side, "Built into a model file: swsss-export --max-side.")
        ->check(quiet(CLI::Range(32, 1 << 24)))
        ->type_name("N")
        ->group(model);
    app.add_option("--device", order.device)
        ->check(quiet(CLI::IsMember({"auto", "cpu", "cuda", "tensorrt"})))
        ->type_name("[auto|cpu|cuda|tensorrt]")
        ->capture_default_str()
        ->group(model);
    app.add_option("--engine", options.engine, "torch: only swsss-label runs in PyTorch.")
        ->check(quiet(CLI::IsMember({"auto", "torch"})))
        ->type_name("[auto|torch]")
        ->group(model);
    const auto count = [&](const char* name, int& value, const char* help) {
        app.add_option(name, value, help)->check(quiet(CLI::NonNegativeNumber))->type_name("N")->group(model);
    };
    count("--batch", order.batch, "Images of one size a call [default: by the device].");
    count("--threads", order.threads, "Threads of a CPU engine [default: all cores].");
    count("--workers", order.workers, "Threads that decode and write [default: by cores].");
    app.add_option("--max-memory", order.max_memory,
                   "Memory that images may take together [default: half of what there is].")
        ->check(quiet(CLI::Range(0.25, 1e6)))
        ->type_name("GIB")
        ->group(model);
    app.add_flag("--profile", order.profile, "Tell where the time went: decode, infer, write.")->group(model);
    app.add_flag("--self-test", options.self_test, "See that the model file gives its golden mask here, and stop.")
        ->group(model);
}

/// As Python's pathlib tells a path: no `.` within, no doubled or trailing slash; `..` stays.
std::filesystem::path tidied(const std::filesystem::path& path) {
    std::filesystem::path result;
    for (const auto& part : path) {
        if (!part.empty() && part != ".") {
            result /= part;
        }
    }
    return result.empty() ? "." : result;
}

}  // namespace

void add_options(CLI::App& app, Options& options) {
    app.name("swsss-run");
    app.description(
        "Write a mask for every image in the folder IMAGES, among the classes its tags allow.\n\n"
        "  swsss-run ./images --labels tags.csv\n"
        "  swsss-run --images ./images --labels tags.csv --model model.onnx --out labels\n\n"
        "Kill it whenever you like: the same command, or swsss-label, goes on where it was, and labels anew only what "
        "a\n"
        "changed model, option, image or row of the tags affects. Exit code: 0 all labelled, 1 some images failed, 2\n"
        "nothing was started.\n\n"
        "Other formats (COCO, CVAT, Label Studio) are made from the labels folder, on any machine with Python:\n\n"
        "  swsss-convert labels --format coco");
    app.set_version_flag(
        "--version", [] { return "swsss-run " + version() + "\n" + library_versions(); },
        "Show the versions of program and libraries, and exit.");
    // As click has it: of an option that is given twice, the last counts.
    app.option_defaults()->take_last();
    add_what(app, options.order);
    add_written(app, options.order);
    add_model(app, options);
    app.get_formatter()->column_width(34);
}

void tidy(Options& options) {
    Order& order = options.order;
    if (options.engine == "torch") {
        throw UserError("--engine torch: only swsss-label runs in PyTorch; leave it out.");
    }
    if (order.images.empty() && !options.self_test) {
        throw UserError("Name the image folder: swsss-run IMAGES --labels tags.csv.");
    }
    order.images = tidied(order.images);
    order.out = tidied(order.out);
    for (auto* path : {&order.labels, &order.model, &order.only}) {
        if (*path) {
            *path = tidied(**path);
        }
    }
}

}  // namespace swsss
