/// The bulk pipeline: decode ahead in threads, batch by size, infer, write in threads; what is done is handed on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <variant>

#include "labels/plan.hpp"
#include "labels/records.hpp"
#include "labels/writer.hpp"
#include "swsss/engine.hpp"

namespace swsss {

/// What became of an image.
struct Outcome {
    Item item;
    std::variant<Labelled, Failed> row;
};

/// Seconds spent, summed over all threads of a kind.
struct Times {
    double decode = 0.0;
    double infer = 0.0;
    double write = 0.0;
};

/// How images become files.
class Pipeline {
  public:
    /// The next image, none when there is no more; called in the thread that runs the pipeline.
    using Source = std::function<std::optional<Item>()>;
    using Sink = std::function<void(const Outcome&)>;
    using Stop = std::function<bool()>;

    /// @param engine The model.
    /// @param images The image folder.
    /// @param writer Where masks go.
    /// @param batch Images of one size given to the engine at a time.
    /// @param workers Threads that decode, and as many that write.
    /// @param memory Bytes that images may take together; 0 for half of what the machine or the container has.
    Pipeline(Engine& engine, std::filesystem::path images, Writer writer, int batch, int workers,
             std::int64_t memory = 0);

    /// Label images.
    ///
    /// @param next Taken as they are needed.
    /// @param sink Called in this thread for every image that was written or failed, in no particular order.
    /// @param stop Looked at between images; once it is true, what is inferred is written and nothing new begins.
    /// @returns Where the time went.
    /// @throws FileError The disk is full, broken or read-only; what was written is whole.
    Times run(const Source& next, const Sink& sink, const Stop& stop);

  private:
    Engine& engine_;
    std::filesystem::path images_;
    Writer writer_;
    int batch_;
    int workers_;
    std::int64_t memory_;
};

}  // namespace swsss
