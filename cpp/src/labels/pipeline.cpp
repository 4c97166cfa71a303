#include "labels/pipeline.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <list>
#include <utility>

#include "base/files.hpp"
#include "base/pool.hpp"
#include "base/text.hpp"
#include "labels/memory.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point started) {
    return std::chrono::duration<double>(Clock::now() - started).count();
}

/// An image on its way to the engine: upright, or what is wrong with it.
struct Decoded {
    Item item;
    Image image;
    int orientation = 1;
    double seconds = 0.0;
    MemoryBudget::Held memory;
    std::int64_t bytes = 0;  // of `memory`
    std::optional<Failed> failed;
};

/// Images of one size that wait for others like them.
struct Group {
    int height;
    int width;
    std::vector<Decoded> images;
};

/// Errors that every following file would meet as well.
bool is_of_the_disk(int error) { return error == ENOSPC || error == EDQUOT || error == EROFS || error == EIO; }

/// Classes an image may hold, background included.
std::int64_t slots_of(const Item& item, const ModelInfo& info) {
    return static_cast<std::int64_t>(item.tags ? 1 + item.tags->size() : info.classes.size());
}

/// Decodes images, each when it has the memory it takes.
class Decoder {
  public:
    Decoder(const Engine& engine, const std::filesystem::path& folder, MemoryBudget& budget)
        : info_(engine.info()),
          on_gpu_(engine.description().find("CPU") == std::string::npos),
          folder_(folder),
          budget_(budget) {}

    [[nodiscard]] bool on_gpu() const noexcept { return on_gpu_; }

    Decoded decode(Item item, std::int64_t ticket) {
        const auto started = Clock::now();
        Decoded result;
        bool taken = false;
        try {
            StoredImage stored = read_image(folder_ / item.image, [&](int height, int width) {
                result.bytes = needed(item, height, width);
                taken = true;
                result.memory = budget_.take(ticket, result.bytes);
            });
            result.image = orient(std::move(stored.image), stored.orientation);
            result.orientation = stored.orientation;
        } catch (const UserError& error) {
            // As named in the other columns, wherever the folder lies.
            result.failed =
                Failed{item.image, "decode", std::string(remove_prefix(error.what(), folder_.string() + "/"))};
        } catch (const std::bad_alloc&) {
            result.failed = Failed{item.image, "decode", item.image + " is too large for the memory there is."};
        }
        if (!taken) {
            static_cast<void>(budget_.take(ticket, 0));
        }
        if (result.failed) {
            result.memory = {};
        }
        result.item = std::move(item);
        result.seconds = seconds_since(started);
        return result;
    }

  private:
    [[nodiscard]] std::int64_t needed(const Item& item, int height, int width) const {
        try {
            return check_image(info_, height, width, slots_of(item, info_), budget_.total(), on_gpu_);
        } catch (const UserError& error) {
            throw UserError(item.image + " is too large: " + error.what());
        }
    }

    const ModelInfo& info_;
    bool on_gpu_;
    const std::filesystem::path& folder_;
    MemoryBudget& budget_;
};

Outcome write(const Writer& writer, Item item, int orientation, Labels labels, double before, double& seconds) {
    const auto started = Clock::now();
    try {
        Labelled row = writer.write(item, orientation, std::move(labels));
        seconds = seconds_since(started);
        row.seconds = before + seconds;
        return {std::move(item), std::move(row)};
    } catch (const FileError& error) {
        if (is_of_the_disk(error.code().value())) {
            throw;
        }
        Failed failed{item.image, "write", item.mask + " cannot be written: " + error.reason() + "."};
        return {std::move(item), std::move(failed)};
    }
}

std::string one_line(const std::string& text) {
    std::string line;
    for (const std::string_view word : split_blank(text)) {
        line += (line.empty() ? "" : " ") + std::string(word);
    }
    return line;
}

/// One start of the pipeline.
class Run {
  public:
    Run(Engine& engine, const std::filesystem::path& images, const Writer& writer, int batch, int workers,
        MemoryBudget& budget, const Pipeline::Sink& sink)
        : engine_(engine),
          budget_(budget),
          decoder_(engine, images, budget),
          writer_(writer),
          batch_(static_cast<std::size_t>(batch)),
          depth_(2 * (static_cast<std::size_t>(workers) + batch_)),
          sink_(sink),
          writers_(workers),
          decoders_(workers) {}
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    Run(Run&&) = delete;
    Run& operator=(Run&&) = delete;
    /// Who waits for memory is not to wait for images that nobody takes any more.
    ~Run() { budget_.close(); }

    Times go(const Pipeline::Source& next, const Pipeline::Stop& stop) {
        look_ahead(next, depth_);
        while (!decoding_.empty()) {
            wait_for_first();
            Decoded decoded = decoding_.front().get();
            decoding_.pop_front();
            if (stop()) {
                groups_.clear();
                break;
            }
            look_ahead(next, 1);
            times_.decode += decoded.seconds;
            take(std::move(decoded));
            hand_on(depth_);
        }
        while (!groups_.empty()) {
            infer_oldest();
        }
        while (!writing_.empty()) {
            hand_on_first();
        }
        return times_;
    }

  private:
    struct Written {
        Outcome outcome;
        double seconds;
    };

    /// Wait until the first image is decoded. When it waits for memory, those that have it must go on.
    void wait_for_first() {
        while (decoding_.front().wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
            if (budget_.is_wanted() && !groups_.empty()) {
                infer_oldest();
            }
        }
    }

    void look_ahead(const Pipeline::Source& next, std::size_t count) {
        for (; count > 0; --count) {
            std::optional<Item> item = next();
            if (!item) {
                return;
            }
            decoding_.push_back(decoders_.submit(
                [this, item = std::move(*item), ticket = tickets_++]() mutable {
                    return decoder_.decode(std::move(item), ticket);
                }));
        }
    }

    void take(Decoded decoded) {
        if (decoded.failed) {
            sink_({std::move(decoded.item), std::move(*decoded.failed)});
            return;
        }
        const auto alike = std::find_if(groups_.begin(), groups_.end(), [&](const Group& group) {
            return group.height == decoded.image.height && group.width == decoded.image.width;
        });
        const auto group = alike != groups_.end()
                               ? alike
                               : groups_.insert(groups_.end(), {decoded.image.height, decoded.image.width, {}});
        group->images.push_back(std::move(decoded));
        ++waiting_;
        if (group->images.size() == batch_) {
            groups_.splice(groups_.begin(), groups_, group);
            infer_oldest();
        } else if (waiting_ > 4 * batch_) {
            infer_oldest();
        }
    }

    void infer_oldest() {
        Group group = std::move(groups_.front());
        groups_.pop_front();
        waiting_ -= group.images.size();
        infer(std::span(group.images));
    }

    void infer(std::span<Decoded> images) {
        const auto started = Clock::now();
        std::vector<Labels> labels;
        MemoryBudget::Held padding;
        try {
            if (!fits_a_tensor(images) || !budget_.take_now(padding_of(images), padding)) {
                throw std::bad_alloc();
            }
            labels = ask(images);
            padding = {};
        } catch (const std::exception& error) {  // whatever the runtime throws: out of memory, most likely
            padding = {};
            times_.infer += seconds_since(started);
            if (images.size() > 1) {
                for (std::size_t index = 0; index < images.size(); ++index) {
                    infer(images.subspan(index, 1));
                }
                return;
            }
            images.front().memory = {};
            Item& item = images.front().item;
            Failed failed{item.image, "infer", one_line(error.what())};
            sink_({std::move(item), std::move(failed)});
            return;
        }
        const double seconds = seconds_since(started);
        times_.infer += seconds;
        for (std::size_t index = 0; index < images.size(); ++index) {
            Decoded& image = images[index];
            const double before = image.seconds + seconds / static_cast<double>(images.size());
            image.image = {};
            writing_.push_back(writers_.submit([this, item = std::move(image.item), orientation = image.orientation,
                                                made = std::move(labels[index]), memory = std::move(image.memory),
                                                before]() mutable {
                Written written{{}, 0.0};
                written.outcome =
                    write(writer_, std::move(item), orientation, std::move(made), before, written.seconds);
                memory = {};
                return written;
            }));
        }
    }

    [[nodiscard]] std::int64_t most_slots(std::span<const Decoded> images) const {
        std::int64_t most = 0;
        for (const Decoded& image : images) {
            most = std::max(most, slots_of(image.item, engine_.info()));
        }
        return most;
    }

    [[nodiscard]] bool fits_a_tensor(std::span<const Decoded> images) const {
        const Image& first = images.front().image;
        return static_cast<double>(images.size()) *
                   largest_tensor(engine_.info(), first.height, first.width, most_slots(images)) <=
               static_cast<double>(max_elements);
    }

    /// Bytes a batch takes besides those of its images, because the candidates of all are padded to the most.
    [[nodiscard]] std::int64_t padding_of(std::span<const Decoded> images) const {
        if (images.size() == 1 || decoder_.on_gpu()) {
            return 0;
        }
        const std::int64_t most = most_slots(images);
        std::int64_t held = 0;
        for (const Decoded& image : images) {
            held += image.bytes;
        }
        const Image& first = images.front().image;
        const double all =
            static_cast<double>(images.size()) * image_cost(engine_.info(), first.height, first.width, most);
        return std::max<std::int64_t>(0, static_cast<std::int64_t>(all) - held);
    }

    std::vector<Labels> ask(std::span<const Decoded> images) {
        std::vector<const Image*> pixels;
        std::vector<Candidates> candidates;
        for (const Decoded& image : images) {
            pixels.push_back(&image.image);
            candidates.push_back(candidates_of(image.item));
        }
        return engine_.label(pixels, candidates);
    }

    [[nodiscard]] Candidates candidates_of(const Item& item) const {
        Candidates ids{0};
        if (item.tags) {
            ids.insert(ids.end(), item.tags->begin(), item.tags->end());
            return ids;
        }
        const auto count = static_cast<std::int64_t>(engine_.info().classes.size());
        for (std::int64_t id = 1; id < count; ++id) {
            ids.push_back(id);
        }
        return ids;
    }

    /// Hand on what is written, and wait only when more than `most` are under way.
    void hand_on(std::size_t most) {
        while (!writing_.empty() && (writing_.size() > most ||
                                     writing_.front().wait_for(std::chrono::seconds(0)) == std::future_status::ready)) {
            hand_on_first();
        }
    }

    void hand_on_first() {
        std::future<Written> first = std::move(writing_.front());
        writing_.pop_front();
        const Written written = first.get();
        times_.write += written.seconds;
        sink_(written.outcome);
    }

    Engine& engine_;
    MemoryBudget& budget_;
    Decoder decoder_;
    const Writer& writer_;
    std::size_t batch_, depth_;
    const Pipeline::Sink& sink_;
    std::deque<std::future<Decoded>> decoding_;
    std::list<Group> groups_;
    std::size_t waiting_ = 0;
    std::int64_t tickets_ = 0;
    std::deque<std::future<Written>> writing_;
    Times times_;
    ThreadPool writers_, decoders_;  // last: their threads use the rest
};

}  // namespace

Pipeline::Pipeline(Engine& engine, std::filesystem::path images, Writer writer, int batch, int workers,
                   std::int64_t memory)
    : engine_(engine),
      images_(std::move(images)),
      writer_(std::move(writer)),
      batch_(batch),
      workers_(workers),
      memory_(memory > 0 ? memory : available_memory() / 2) {}

Times Pipeline::run(const Source& next, const Sink& sink, const Stop& stop) {
    MemoryBudget budget(memory_);
    return Run(engine_, images_, writer_, batch_, workers_, budget, sink).go(next, stop);
}

}  // namespace swsss
