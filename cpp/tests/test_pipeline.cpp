#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <stdexcept>
#include <thread>

#include "base/files.hpp"
#include "base/pool.hpp"
#include "images/png.hpp"
#include "labels/pipeline.hpp"
#include "temporary.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace {

ModelInfo three_classes() {
    ModelInfo info;
    info.classes = {"background", "cat", "dog"};
    return info;
}

/// Gives every pixel the last candidate, and its red value as confidence. Refuses images whose first pixel is 13.
class FakeEngine final : public Engine {
  public:
    [[nodiscard]] const ModelInfo& info() const override { return info_; }
    [[nodiscard]] const std::string& identity() const override { return identity_; }
    [[nodiscard]] std::string description() const override { return "fake"; }
    [[nodiscard]] int preferred_batch() const override { return 1; }
    [[nodiscard]] std::vector<Labels> label(std::span<const Image* const> images,
                                            std::span<const Candidates> candidates) override {
        CHECK(!in_use_.exchange(true));
        largest = std::max(largest, images.size());
        std::vector<Labels> result;
        bool refused = false;
        for (std::size_t index = 0; index < images.size(); ++index) {
            const Image& image = *images[index];
            CHECK(image.height == images[0]->height);
            refused |= image.pixels[0] == 13;
            Labels labels{{image.height, image.width, {}}, {image.height, image.width, {}}};
            const auto size = image.pixels.size() / 3;
            labels.mask.values.assign(size, static_cast<std::uint8_t>(candidates[index].back()));
            for (std::size_t pixel = 0; pixel < size; ++pixel) {
                labels.confidence.values.push_back(image.pixels[3 * pixel]);
            }
            result.push_back(std::move(labels));
        }
        in_use_ = false;
        if (refused) {
            throw std::runtime_error("out\n of memory");
        }
        return result;
    }

    std::size_t largest = 0;

  private:
    ModelInfo info_ = three_classes();
    std::string identity_ = "fake";
    std::atomic<bool> in_use_{false};
};

/// A folder of grey PNGs of two sizes; what each has in it is its number.
std::vector<Item> make_images(const std::filesystem::path& folder, int count) {
    std::vector<Item> items;
    for (int number = 0; number < count; ++number) {
        const int height = number % 3 == 0 ? 4 : 6;
        Plane plane{height, 5, std::vector<std::uint8_t>(static_cast<std::size_t>(height) * 5)};
        std::fill(plane.values.begin(), plane.values.end(), static_cast<std::uint8_t>(number));
        const std::string name = std::to_string(number) + ".png";
        write_whole(folder / name, encode_grey(plane));
        items.push_back({name, name, std::vector<int>{number % 2 + 1}, "key"});
    }
    return items;
}

Pipeline::Source source_of(std::vector<Item>& items) {
    return [&items, next = std::size_t{0}]() mutable -> std::optional<Item> {
        return next < items.size() ? std::optional(items[next++]) : std::nullopt;
    };
}

}  // namespace

TEST_CASE("every image is handed on once, written or failed, whatever the batch and the threads") {
    for (const auto& [batch, workers] : std::map<int, int>{{1, 1}, {3, 2}, {16, 8}}) {
        const TemporaryFolder folder;
        FakeEngine engine;
        auto items = make_images(folder.path(), 60);
        write_whole(folder.path() / "7.png", std::string_view("junk"));
        Pipeline pipeline(engine, folder.path(), {folder.path() / "labels", true, 0.1}, batch, workers);
        std::map<std::string, Outcome> outcomes;
        pipeline.run(
            source_of(items), [&](const Outcome& one) { CHECK(outcomes.emplace(one.item.image, one).second); },
            [] { return false; });
        CHECK(outcomes.size() == 60);
        CHECK(engine.largest <= static_cast<std::size_t>(batch));
        CHECK(std::get<Failed>(outcomes.at("7.png").row).reason == "7.png cannot be read as an image: unknown format.");
        CHECK(std::get<Failed>(outcomes.at("13.png").row).reason == "out of memory");
        const auto& row = std::get<Labelled>(outcomes.at("20.png").row);
        CHECK(row.pixels == std::map<int, std::int64_t>{{255, 30}});  // 20 of 255 are less than 0.1
        CHECK(std::get<Labelled>(outcomes.at("41.png").row).pixels == std::map<int, std::int64_t>{{2, 30}});
        CHECK(std::get<Labelled>(outcomes.at("41.png").row).mean_confidence == 41.0 / 255);
        CHECK(std::filesystem::exists(folder.path() / "labels" / "masks" / "41.png"));
    }
}

TEST_CASE("a wish to stop ends it early, and what was handed on is written") {
    const TemporaryFolder folder;
    FakeEngine engine;
    auto items = make_images(folder.path(), 40);
    Pipeline pipeline(engine, folder.path(), {folder.path() / "labels"}, 2, 2);
    int done = 0;
    pipeline.run(
        source_of(items), [&](const Outcome&) { ++done; }, [&] { return done >= 5; });
    CHECK(done >= 5);
    CHECK(done < 40);
    const std::filesystem::recursive_directory_iterator written(folder.path() / "labels" / "masks");
    CHECK(std::distance(begin(written), end(written)) >= done - 1);  // one failed
}

TEST_CASE("what the sink throws ends the pipeline") {
    const TemporaryFolder folder;
    FakeEngine engine;
    auto items = make_images(folder.path(), 40);
    Pipeline pipeline(engine, folder.path(), {folder.path() / "labels"}, 1, 4);
    const auto sink = [](const Outcome&) { throw std::logic_error("enough"); };
    CHECK_THROWS_AS(pipeline.run(source_of(items), sink, [] { return false; }), std::logic_error);
}

TEST_CASE("a pool gives results and drops what has not begun") {
    std::atomic<int> done{0};
    std::future<int> never;
    {
        ThreadPool pool(2);
        auto first = pool.submit([&] { return ++done; });
        CHECK(first.get() == 1);
        CHECK_THROWS_AS(pool.submit([]() -> int { throw std::runtime_error("x"); }).get(), std::runtime_error);
        for (int count = 0; count < 50; ++count) {
            never = pool.submit([&] {
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
                return ++done;
            });
        }
    }
    CHECK(done < 50);
    CHECK_THROWS_AS(never.get(), std::future_error);
}
