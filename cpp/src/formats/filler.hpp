/// From the masks of a labels folder to formats that are being written.
#pragma once

#include <cstddef>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/pool.hpp"
#include "formats/sink.hpp"
#include "labels/records.hpp"
#include "swsss/image.hpp"
#include "tags/class_table.hpp"

namespace swsss {

/// A format that is being written.
struct OpenFormat {
    std::string name;
    std::unique_ptr<Sink> sink;
};

/// Adds masks to formats; they are decoded ahead in threads, and added in the order they come.
class Filler {
  public:
    /// @param formats They must outlive it, as must the classes and `progress`.
    /// @param masks The folder of masks.
    /// @param progress Called with the number of images done.
    Filler(const std::vector<OpenFormat>& formats, std::filesystem::path masks, const ClassTable& classes,
           const std::function<void(std::size_t)>& progress);

    /// Add an image, in a while.
    /// @throws FileError A format cannot be written.
    void add(const Labelled& row);

    /// Add what waits.
    /// @returns Images that are missing in a format; `stage` is the format, or `mask` when they are missing in all.
    /// @throws FileError A format cannot be written.
    [[nodiscard]] std::vector<Failed> finish();

  private:
    struct Loaded {
        Labelled row;
        Plane mask;
        std::string problem;  ///< Why there is no mask; empty when there is.
    };

    [[nodiscard]] Loaded load(const Labelled& row) const;
    void take();
    void add_to_formats(const Loaded& loaded);

    const std::vector<OpenFormat>& formats_;  // NOLINT(*-ref-data-members): it lives in one function
    std::filesystem::path masks_;
    const ClassTable& classes_;                         // NOLINT(*-ref-data-members)
    const std::function<void(std::size_t)>& progress_;  // NOLINT(*-ref-data-members)
    std::vector<Failed> failed_;
    std::deque<std::future<Loaded>> waiting_;
    std::size_t done_ = 0;
    ThreadPool pool_;  // last: it uses the rest
};

}  // namespace swsss
