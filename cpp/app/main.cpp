/// swsss-run: a mask for every image of a folder, by its tags. Parses, calls one function, prints.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "options.hpp"
#include "swsss/engine.hpp"
#include "swsss/errors.hpp"
#include "swsss/label.hpp"
#include "swsss/version.hpp"

namespace {

constexpr int some_failed = 1;
constexpr int wrong = 2;
constexpr int interrupted = 130;

/// Images come and go in several threads: what is freed is to go back at once, not to wait in each thread's own heap.
void keep_memory_small() {
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 1 << 18);
#endif
}

int run_self_test(const swsss::Order& order) {
    if (!order.model) {
        throw swsss::UserError("--self-test: name the model file with --model.");
    }
    const auto engine = swsss::open_engine(*order.model, {order.device, order.threads});
    if (!engine->info().golden) {
        std::cout << order.model->string() << " carries no golden pair; export it again.\n";
        return some_failed;
    }
    const bool agrees = swsss::self_test(*engine);
    std::cout << order.model->string() << (agrees ? " gives" : " does NOT give") << " its golden mask with "
              << engine->description() << ".\n";
    return agrees ? 0 : some_failed;
}

int run(const swsss::Options& options) {
    if (options.self_test) {
        return run_self_test(options.order);
    }
    const swsss::Result result =
        swsss::carry_out(options.order, [](const std::string& line) { std::cerr << line + "\n"; });
    for (const std::string& line : result.lines) {
        std::cout << line << "\n";
    }
    return result.failed > 0 ? some_failed : 0;
}

int leave(const std::string& message, int code) {
    std::cerr << message << "\n";
    return code;
}

}  // namespace

int main(int count, char** words) try {
    keep_memory_small();
    swsss::Options options;
    CLI::App app;
    swsss::add_options(app, options);
    try {
        app.parse(count, words);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : wrong;
    }
    swsss::tidy(options);
    return run(options);
} catch (const swsss::UserError& error) {
    return leave(std::string("error: ") + error.what(), wrong);
} catch (const swsss::Unfinished& stop) {
    return leave(std::string("error: ") + stop.what(), some_failed);
} catch (const swsss::Interrupted& stop) {
    return leave(stop.what(), interrupted);
} catch (const std::exception& error) {
    return leave(std::string("error: swsss-run met something it does not know: ") + error.what() +
                     ". What is done is kept; please report this.",
                 some_failed);
}
