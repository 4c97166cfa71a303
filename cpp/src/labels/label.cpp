#include "swsss/label.hpp"

#include <algorithm>
#include <chrono>

#include "base/files.hpp"
#include "base/progress.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "labels/folder.hpp"
#include "labels/models.hpp"
#include "labels/plan.hpp"
#include "labels/profile.hpp"
#include "labels/settings.hpp"
#include "swsss/engine.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

namespace fs = std::filesystem;
using Tell = std::function<void(const std::string&)>;
using Clock = std::chrono::steady_clock;

constexpr double save_seconds = 1.0;
constexpr const char* kept = "What is labelled is kept; mend that, and the same command goes on from there.";

void check_places(const Order& order) {
    std::error_code unknown;
    const fs::path out = fs::weakly_canonical(order.out, unknown);
    const fs::path images = fs::weakly_canonical(order.images, unknown);
    const auto [inside, rest] = std::mismatch(images.begin(), images.end(), out.begin(), out.end());
    if (inside == images.end()) {
        throw UserError("--out " + order.out.string() +
                        " lies in the image folder, where masks would be images; choose another.");
    }
}

std::unique_ptr<Engine> open_ordered(const Order& order, const Tell& tell) {
    const fs::path model = order.model ? *order.model : newest_model();
    if (order.max_side) {
        throw UserError("The largest side is built into " + model.string() +
                        "; export it again with swsss-export --max-side.");
    }
    if (!order.model) {
        tell("model: " + model.string() + ", the newest run");
    }
    auto engine = open_engine(model, {order.device, order.threads});
    tell("engine: " + engine->description());
    return engine;
}

Selection selection_of(const Order& order, const Engine& engine) {
    const bool conditioned = engine.info().conditioned;
    if (conditioned && !order.labels && order.untagged == "skip") {
        throw UserError("This model labels by tags: give --labels tags.csv, or --untagged all to allow every class.");
    }
    if (!conditioned && order.labels) {
        throw UserError(
            "This model takes no tags (it was exported plain): leave --labels out, or name another --model.");
    }
    return {order.labels, order.untagged == "all" || !conditioned, order.only, order.limit};
}

void tell_untagged(const Order& order, const Plan& plan, const Tell& tell) {
    if (plan.untagged.empty()) {
        return;
    }
    std::vector<std::string> first;
    for (std::size_t index = 0; index < std::min<std::size_t>(5, plan.untagged.size()); ++index) {
        first.push_back(plan.images[plan.untagged[index]]);
    }
    tell(std::to_string(plan.untagged.size()) + " images have no row in " + order.labels->string() + " and " +
         (order.untagged == "all" ? "are labelled with every class allowed" : "are left out (--untagged all)") + ": " +
         join(first, ", ") + (plan.untagged.size() > 5 ? ", ..." : ""));
}

double seconds_since(Clock::time_point started) {
    return std::chrono::duration<double>(Clock::now() - started).count();
}

/// What labelling came to.
struct Labelling {
    Speed speed;
    Times times;
};

/// Takes down what became of each image, saves now and then, and tells how far it is.
class Recorder {
  public:
    Recorder(LabelsFolder& folder, bool confidence, std::size_t total)
        : folder_(folder), confidence_(confidence), bar_("labelling", static_cast<std::int64_t>(total)) {}

    void take(const Outcome& outcome) {
        folder_.note(outcome, confidence_);
        ++done_;
        bar_.update(done_, fixed(static_cast<double>(done_) / seconds_since(started_), 1) + " images/s");
        if (seconds_since(saved_) > save_seconds) {
            folder_.save();
            saved_ = Clock::now();
        }
    }

    [[nodiscard]] std::int64_t done() const noexcept { return done_; }
    [[nodiscard]] double seconds() const { return seconds_since(started_); }

  private:
    LabelsFolder& folder_;
    bool confidence_;
    Clock::time_point started_ = Clock::now();
    Clock::time_point saved_ = started_;
    std::int64_t done_ = 0;
    Progress bar_;
};

Labelling label(const Order& order, const Plan& plan, Engine& engine, LabelsFolder& folder, const Tell& tell) {
    std::vector<std::size_t> todo;
    std::copy_if(plan.chosen.begin(), plan.chosen.end(), std::back_inserter(todo),
                 [&](std::size_t image) { return folder.is_due(plan.item(image), order.confidence); });
    const auto earlier = static_cast<std::int64_t>(plan.chosen.size() - todo.size());
    if (earlier > 0) {
        tell(std::to_string(earlier) + " of " + std::to_string(plan.chosen.size()) + " images are labelled already.");
    }
    Pipeline pipeline(engine, order.images, {order.out, order.confidence, order.ignore_below},
                      order.batch > 0 ? order.batch : engine.preferred_batch(),
                      order.workers > 0 ? order.workers : default_workers(),
                      static_cast<std::int64_t>(order.max_memory * (1 << 30)));
    const StopSignals signals;
    Recorder recorder(folder, order.confidence, todo.size());
    auto next = todo.begin();
    const auto source = [&]() -> std::optional<Item> {
        if (next == todo.end()) {
            return std::nullopt;
        }
        Item item = plan.item(*next++);
        folder.begin(item);
        return item;
    };
    const Times times = pipeline.run(
        source, [&](const Outcome& one) { recorder.take(one); }, &StopSignals::seen);
    folder.save();
    if (StopSignals::seen()) {
        throw Interrupted("Stopped after " + std::to_string(earlier + recorder.done()) + " of " +
                          std::to_string(plan.chosen.size()) + " images; the same command goes on from there.");
    }
    return {{recorder.done(), recorder.seconds(), earlier}, times};
}

std::vector<std::pair<std::string, std::string>> facts_of(const Order& order, const Engine& engine) {
    const ModelInfo& info = engine.info();
    const std::string views = std::to_string(info.scales.size()) + " scales" + (info.flip ? ", mirrored" : "");
    std::vector<std::pair<std::string, std::string>> facts{
        {"images", order.images.string()},
        {"model", (info.conditioned ? "conditioned, " : "plain, ") + info.precision + ", largest side " +
                      std::to_string(info.max_side) + ", " + views},
        {"model file", engine.identity().substr(0, 16)},
        {"engine", engine.description()}};
    if (order.ignore_below > 0) {
        facts.emplace_back("pixels below this confidence are left out", float_repr(order.ignore_below));
    }
    if (order.labels) {
        facts.emplace_back("tags", order.labels->string());
    }
    facts.emplace_back("images without tags", order.untagged == "all" ? "labelled, every class allowed" : "left out");
    return facts;
}

Result verdict(const Order& order, const Speed& speed, int failed) {
    Result result;
    std::string line = std::to_string(speed.images) + " images in " + fixed(speed.seconds, 1) + " s";
    if (speed.images > 0) {
        line += " (" + fixed(static_cast<double>(speed.images) / speed.seconds, 1) + " images/s)";
    }
    if (speed.earlier > 0) {
        line += ", " + std::to_string(speed.earlier) + " from before";
    }
    result.lines.push_back(line + ": " + (order.out / "masks").string());
    if (failed > 0) {
        result.lines.push_back(std::to_string(failed) + " images could not be labelled; " +
                               (order.out / "failures.csv").string() + " says why.");
    }
    result.lines.push_back("Look at " + (order.out / "report.html").string() + " first.");
    result.failed = failed;
    return result;
}

/// Label, and write what a run leaves behind.
Result fill(const Order& order, const Plan& plan, Engine& engine, LabelsFolder& folder, const Tell& tell) {
    Profile profile(order.profile, tell);
    try {
        const Labelling done = label(order, plan, engine, folder, tell);
        profile.labelled(done.times, done.speed.images, done.speed.seconds);
        const int failed = folder.finish(ClassTable(engine.info().classes), facts_of(order, engine), done.speed);
        profile.finished();
        return verdict(order, done.speed, failed);
    } catch (const FileError& error) {
        throw Unfinished(order.out.string() + " cannot be written: " + error.reason() + ". " + kept);
    } catch (const JournalError& error) {
        throw Unfinished(explain(folder.journal().path(), error) + " " + kept);
    }
}

}  // namespace

Result carry_out(const Order& order, const Tell& tell) {
    check_places(order);
    const auto engine = open_ordered(order, tell);
    const ClassTable classes(engine->info().classes);
    // What decides a mask besides image and tags.
    const Plan plan = make_plan(order.images, selection_of(order, *engine), classes,
                                engine->identity() + " " + float_repr(order.ignore_below));
    tell_untagged(order, plan, tell);
    if (order.dry_run) {
        return {{std::to_string(plan.chosen.size()) + " images would be labelled; nothing was written (--dry-run)."},
                0};
    }
    LabelsFolder folder(order.out, plan, order.overwrite);
    return fill(order, plan, *engine, folder, tell);
}

}  // namespace swsss
