/// What a person has to know of a labelling run, gathered in one pass whose memory does not grow with the images.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "labels/records.hpp"
#include "tags/class_table.hpp"

namespace swsss {

/// How many images of a kind are kept to be looked at.
inline constexpr std::size_t most_shown = 24;

/// How many failures are kept word for word.
inline constexpr std::size_t most_failures = 200;

/// Bins of the confidence histogram, of equal width over 0 to 1.
inline constexpr std::size_t histogram_bins = 20;

/// The `most_shown` rows of least key, in the order of keys, whatever the order they come in.
class LeastRows {
  public:
    /// A number, and the name that decides between equal ones.
    using Key = std::pair<double, std::string>;

    void add(const Key& key, const Labelled& row);
    [[nodiscard]] const std::vector<std::pair<Key, Labelled>>& rows() const noexcept { return rows_; }

  private:
    std::vector<std::pair<Key, Labelled>> rows_;
};

/// One class over all images.
struct ClassCount {
    std::int64_t tagged = 0;   ///< Images with its tag.
    std::int64_t found = 0;    ///< Images in which it has pixels, tagged or not.
    std::int64_t missing = 0;  ///< Images with its tag in which it has none.
    std::int64_t pixels = 0;
    double sureness = 0.0;  ///< Sum of the probabilities (0..1) of its pixels.

    /// Mean probability (0..1) of its pixels; none when it has none.
    [[nodiscard]] std::optional<double> confidence() const;
};

/// A kind of failures: the stage, the reason without the image's name and with N for every number, and how many.
struct FailureKind {
    std::string stage;
    std::string reason;
    std::int64_t count = 0;
};

/// A labelling run; every row is looked at once and only the few to be shown are kept.
class Summary {
  public:
    explicit Summary(const ClassTable& classes);

    /// @throws std::out_of_range It has a class id that the table does not have.
    void add(const Labelled& row);
    void add(const Failed& row);

    [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

    /// Labelled images.
    [[nodiscard]] std::int64_t images() const noexcept { return images_; }

    /// Images that could not be labelled.
    [[nodiscard]] int failed() const noexcept { return failed_; }

    /// Labelled images that had no row of tags.
    [[nodiscard]] std::int64_t untagged() const noexcept { return untagged_; }

    /// Pixels of all masks, those left out included.
    [[nodiscard]] std::int64_t pixels() const;

    /// Pixels of value 255: what `--ignore-below` left out.
    [[nodiscard]] std::int64_t left_out() const noexcept { return left_out_; }

    /// Mean (0..1) of the images' mean confidence; 0 without images.
    [[nodiscard]] double mean_confidence() const;

    /// By class id.
    [[nodiscard]] const std::vector<ClassCount>& per_class() const noexcept { return per_class_; }

    /// Images by mean confidence; 1.0 counts in the last bin.
    [[nodiscard]] const std::array<std::int64_t, histogram_bins>& histogram() const noexcept { return histogram_; }

    /// Tags of all labelled images.
    [[nodiscard]] std::int64_t tags() const;

    /// Those without a pixel.
    [[nodiscard]] std::int64_t tags_missing() const;

    /// The `most_shown` images of lowest mean confidence, lowest first, then by name.
    [[nodiscard]] std::vector<Labelled> least_sure() const;

    /// `most_shown` images that have a tag without pixels, taken from the classes in turn, those with most such images
    /// first; within a class a sample in which every image has the same chance, and always the same.
    [[nodiscard]] std::vector<Labelled> missing() const;

    /// Most first.
    [[nodiscard]] std::vector<FailureKind> kinds() const;

    /// The first `most_failures` of them, as they came.
    [[nodiscard]] const std::vector<Failed>& failures() const noexcept { return failures_; }

  private:
    void add_tags(const Labelled& row);
    void add_pixels(const Labelled& row);

    std::vector<std::string> names_;
    std::int64_t images_ = 0;
    int failed_ = 0;
    std::int64_t untagged_ = 0;
    std::int64_t left_out_ = 0;
    double confidence_ = 0.0;
    std::vector<ClassCount> per_class_;
    std::vector<LeastRows> examples_;  // of missing, by class id
    std::array<std::int64_t, histogram_bins> histogram_{};
    LeastRows least_sure_;
    std::map<std::pair<std::string, std::string>, std::int64_t> kinds_;  // by stage and reason
    std::vector<Failed> failures_;
};

}  // namespace swsss
