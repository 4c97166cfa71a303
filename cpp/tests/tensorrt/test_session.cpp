/// What the engine of the labelling pipeline asks TensorRT and CUDA to do; both are stand-ins.
#include <doctest/doctest.h>

#include <random>

#include "../engine_files.hpp"
#include "../temporary.hpp"
#include "engines/tensorrt/engine.hpp"
#include "engines/tensorrt/session.hpp"
#include "engines/tensorrt/worker.hpp"
#include "fake_gpu.hpp"
#include "swsss/errors.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace {

/// A machine whose plans hold what the sidecar says, and an engine on it.
class Desk {
  public:
    explicit Desk(const nlohmann::json& engine = {}, const std::string& task = "conditioned") {
        nlohmann::json described = described_engine("plan", engine);
        described["task"] = task;
        path_ = write_engine(folder_.path(), described.dump());
        sidecar_ = parse_sidecar(described.dump(), path_);
        const EngineTensor labels{false, "uint8", {-1, -1, -1}};
        fake_gpu() = FakeGpu{};
        fake_gpu().profiles = sidecar_.engine.profiles;
        fake_gpu().tensors = {{"image", {true, "uint8", {-1, -1, -1, 3}}}, {"mask", labels}, {"confidence", labels}};
        if (task == "conditioned") {
            fake_gpu().tensors["candidates"] = {true, "int64", {-1, -1}};
        }
    }

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] const Sidecar& sidecar() const { return sidecar_; }
    [[nodiscard]] std::unique_ptr<Engine> open() const { return open_tensorrt_engine(path_); }

    [[nodiscard]] std::string refusal() const {
        try {
            static_cast<void>(open());
        } catch (const UserError& error) {
            return error.what();
        }
        return "";
    }

  private:
    TemporaryFolder folder_;
    std::filesystem::path path_;
    Sidecar sidecar_;
};

struct Batch {
    std::vector<Image> images;
    std::vector<const Image*> pointers;
    std::vector<Candidates> candidates;
};

Batch make_batch(int count, int height, int width, int slots, unsigned seed = 0) {
    std::mt19937 random(seed);
    Batch batch;
    for (int index = 0; index < count; ++index) {
        Image image{height, width, {}};
        image.pixels.resize(static_cast<std::size_t>(height * width * 3));
        std::generate(image.pixels.begin(), image.pixels.end(), [&] { return static_cast<std::uint8_t>(random()); });
        batch.images.push_back(std::move(image));
        Candidates ids;
        for (int id = 0; id <= (index + static_cast<int>(seed)) % slots; ++id) {
            ids.push_back(id);
        }
        batch.candidates.push_back(ids);
    }
    for (const Image& image : batch.images) {
        batch.pointers.push_back(&image);
    }
    // One has them all.
    for (int id = static_cast<int>(batch.candidates[0].size()); id < slots; ++id) {
        batch.candidates[0].push_back(id);
    }
    return batch;
}

void check_labels(const Batch& batch, const std::vector<Labels>& labels, bool conditioned = true) {
    REQUIRE(labels.size() == batch.images.size());
    for (std::size_t index = 0; index < labels.size(); ++index) {
        const Image& image = batch.images[index];
        Labels wanted{{image.height, image.width, {}}, {image.height, image.width, {}}};
        for (std::size_t at = 0; at < image.pixels.size(); at += 3) {
            const auto& ids = batch.candidates[index];
            const auto red = image.pixels[at];
            const auto chosen = conditioned ? ids[red % ids.size()] : red;
            wanted.mask.values.push_back(static_cast<std::uint8_t>(chosen));
            wanted.confidence.values.push_back(image.pixels[at + 1]);
        }
        CHECK(labels[index].mask.height == image.height);
        CHECK(labels[index].mask.width == image.width);
        CHECK((labels[index].mask.values == wanted.mask.values));
        CHECK((labels[index].confidence.values == wanted.confidence.values));
    }
}

void label(Engine& engine, const Batch& batch, bool conditioned = true) {
    check_labels(batch, engine.label(batch.pointers, batch.candidates), conditioned);
}

std::string failure(Engine& engine, const Batch& batch) {
    try {
        static_cast<void>(engine.label(batch.pointers, batch.candidates));
    } catch (const std::exception& error) {
        return error.what();
    }
    return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("an engine says what it is") {
    const Desk desk;
    const auto engine = desk.open();
    CHECK(engine->description() == "TensorRT 11.4.0.106, NVIDIA GeForce RTX 4090 (8.9)");
    CHECK(engine->identity() == sha256_of("plan"));
    CHECK(engine->info().classes.size() == 5);
    CHECK(engine->preferred_batch() == 8);
}

TEST_CASE("whatever comes in whatever order") {
    const Desk desk;
    const auto engine = desk.open();
    unsigned seed = 0;
    for (int round = 0; round < 4; ++round) {
        label(*engine, make_batch(1, 40, 60, 2, seed++));
        label(*engine, make_batch(3, 64, 64, 5, seed++));
        label(*engine, make_batch(1, 40, 60, 3, seed++));
        label(*engine, make_batch(1, 60, 40, 3, seed++));
        label(*engine, make_batch(1, 1, 1, 1, seed++));
        label(*engine, make_batch(2, 40, 60, 2, seed++));
        label(*engine, make_batch(1, 40, 60, 2, seed++));
    }
}

TEST_CASE("a batch larger than the engine takes goes in pieces") {
    const Desk desk;
    const auto engine = desk.open();
    for (int round = 0; round < 3; ++round) {
        label(*engine, make_batch(8, 40, 60, 3));
    }
    std::vector<std::int64_t> counts;
    for (const Computed& computed : fake_gpu().computed) {
        counts.push_back(computed.image[0]);
    }
    CHECK(counts == std::vector<std::int64_t>{3, 3, 2, 3, 3, 2, 3, 3, 2});
}

TEST_CASE("the profile of the size, switched only when it changes") {
    const Desk desk;
    const auto engine = desk.open();
    label(*engine, make_batch(1, 40, 60, 2));
    label(*engine, make_batch(1, 41, 60, 2));
    label(*engine, make_batch(2, 40, 60, 2));
    label(*engine, make_batch(3, 64, 64, 2));
    label(*engine, make_batch(1, 30, 50, 2));
    CHECK(fake_gpu().switches == std::vector<int>{1, 0});
    CHECK(fake_gpu().contexts == 1);
    CHECK(fake_gpu().captures == 0);
}

TEST_CASE("a shape that comes again has a context and a graph, and allocates nothing") {
    const Desk desk;
    const auto engine = desk.open();
    for (unsigned round = 0; round < 2; ++round) {
        label(*engine, make_batch(1, 40, 60, 2, round));
        label(*engine, make_batch(3, 64, 64, 2, round));
    }
    CHECK(fake_gpu().captures == 2);
    CHECK(fake_gpu().contexts == 3);
    fake_gpu().computed.clear();
    const int allocations = fake_gpu().allocations;
    for (unsigned round = 0; round < 3; ++round) {
        label(*engine, make_batch(1, 40, 60, 2, round));
        label(*engine, make_batch(3, 64, 64, 2, round));
        label(*engine, make_batch(1, 40, 60, 2, 7 * round));
    }
    CHECK(fake_gpu().allocations == allocations);
    CHECK(fake_gpu().captures == 2);
    REQUIRE(fake_gpu().computed.size() == 9);
    CHECK(fake_gpu().computed[0] == Computed{1, 0, {1, 40, 60, 3}, true});
    CHECK(fake_gpu().computed[1] == Computed{2, 1, {3, 64, 64, 3}, true});
    CHECK(fake_gpu().computed[8] == Computed{1, 0, {1, 40, 60, 3}, true});
}

TEST_CASE("an engine that cannot be captured runs without a graph") {
    const Desk desk;
    fake_gpu().capturable = false;
    const auto engine = desk.open();
    for (unsigned round = 0; round < 4; ++round) {
        label(*engine, make_batch(1, 40, 60, 2, round));
        label(*engine, make_batch(1, 50, 60, 2, round));
    }
    CHECK(fake_gpu().captures == 2);  // tried once a shape
    CHECK(cudaGetLastError() == cudaSuccess);
    fake_gpu().broken = true;  // what was said of the capture is forgotten
    CHECK(contains(failure(*engine, make_batch(1, 40, 60, 2)), "an illegal memory access was encountered."));
}

TEST_CASE("a GPU that has no room for contexts labels with one") {
    const Desk desk;
    fake_gpu().contexts_allowed = 1;
    const auto engine = desk.open();
    for (unsigned round = 0; round < 4; ++round) {
        label(*engine, make_batch(1, 40, 60, 2, round));
        label(*engine, make_batch(2, 40, 60, 2, round));
    }
    CHECK(fake_gpu().captures == 0);
}

TEST_CASE("memory of the last eight shapes is kept") {
    const Desk desk;
    const auto engine = desk.open();
    for (unsigned round = 0; round < 3; ++round) {
        for (int height = 1; height <= 20; ++height) {
            label(*engine, make_batch(1, height, 10, 2, round));
        }
    }
    CHECK(fake_gpu().captures == 0);  // each was forgotten before it came again
    CHECK(fake_gpu().used < 1000 + 8 * (20 * 10 * 4 + 256 + 16));
    for (int height = 13; height <= 20; ++height) {
        label(*engine, make_batch(1, height, 10, 2));
    }
    CHECK(fake_gpu().captures == 8);
}

TEST_CASE("memory of other shapes is given up for one that needs it") {
    const Desk desk;
    const auto engine = desk.open();
    for (int height = 33; height <= 40; ++height) {
        label(*engine, make_batch(1, height, 64, 2));
    }
    fake_gpu().capacity = fake_gpu().used;
    label(*engine, make_batch(3, 64, 64, 2));
    fake_gpu().capacity = 2000;
    CHECK(failure(*engine, make_batch(3, 60, 64, 2)) == "CUDA could not reserve memory on the GPU: out of memory.");
    label(*engine, make_batch(1, 10, 10, 2));
}

TEST_CASE("images that are too large are refused, and the engine goes on") {
    const Desk desk;
    const auto engine = desk.open();
    CHECK(failure(*engine, make_batch(2, 65, 10, 2)) ==
          "65×10 pixels are too large for the engine, which takes 1 image of up to 64×64 pixels, or 1 to 3 images of "
          "up to 64×64 pixels; build it again: swsss-export CHECKPOINT --out model.onnx --tensorrt --sizes "
          "1x40x60,3x64x64,1x65x10");
    label(*engine, make_batch(1, 40, 60, 2));
}

TEST_CASE("the GPU fails and recovers, before, while and after a graph is made") {
    for (int good = 0; good < 3; ++good) {
        const Desk desk;
        const auto engine = desk.open();
        const Batch batch = make_batch(1, 40, 60, 2);
        for (int round = 0; round < good; ++round) {
            label(*engine, batch);
        }
        fake_gpu().broken = good < 2;
        fake_gpu().failing = good == 2;
        const std::string told = failure(*engine, batch);
        CHECK(told == (good < 2
                           ? "TensorRT 11.4.0.106 could not label a batch: an illegal memory access was encountered."
                           : "CUDA could not label a batch: unspecified launch failure."));
        fake_gpu().broken = fake_gpu().failing = false;
        for (int round = 0; round < 3; ++round) {
            label(*engine, batch);
        }
        CHECK(fake_gpu().captures == 1);
    }
}

TEST_CASE("outputs larger than their memory are not computed") {
    const Desk desk;
    const auto engine = desk.open();
    fake_gpu().larger_outputs = true;
    CHECK(contains(failure(*engine, make_batch(1, 40, 60, 2)),
                   "could not keep mask at [1, 40, 60]: it does not say why."));
    CHECK(fake_gpu().computed.empty());
}

TEST_CASE("a plain model takes no candidates") {
    nlohmann::json profiles = described_profiles();
    for (auto& profile : profiles) {
        profile.erase("candidates");
    }
    const nlohmann::json plain = {{"profiles", profiles}};
    const Desk desk(plain, "plain");
    const auto engine = desk.open();
    for (unsigned round = 0; round < 3; ++round) {
        label(*engine, make_batch(2, 40, 60, 5, round), false);
    }
    Batch without = make_batch(2, 40, 60, 5);
    without.candidates.clear();
    CHECK(engine->label(without.pointers, {}).size() == 2);
}

TEST_CASE("several workers of one session") {
    const Desk desk;
    const TensorRTSession session("TensorRT", "plan", desk.sidecar());
    TensorRTWorker one(session);
    TensorRTWorker other(session);
    for (unsigned round = 0; round < 4; ++round) {
        const Batch batch = make_batch(2, 40, 60, 3, round);
        check_labels(batch, one.label(batch.pointers, batch.candidates));
        check_labels(batch, other.label(batch.pointers, batch.candidates));
    }
}

TEST_CASE("engines that do not run here are refused") {
    const nlohmann::json newer = {{"version", "11.5.0.1"}};
    CHECK(contains(Desk(newer).refusal(),
                   "built with version 11.5.0.1 of tensorrt and runs with no "
                   "other, but 11.4.0.106 is installed; build it again"));
    const Desk desk;
    fake_gpu().present = false;
    CHECK(contains(desk.refusal(), "needs an NVIDIA GPU, and none is usable here; label with the ONNX file instead."));
    fake_gpu().present = true;
    fake_gpu().starts = false;
    CHECK(desk.refusal() ==
          "TensorRT 11.4.0.106 does not start: CUDA driver version is insufficient for CUDA runtime version.");
    fake_gpu().starts = true;
    fake_gpu().loads = false;
    CHECK(desk.refusal() == "TensorRT 11.4.0.106 could not load the engine: the plan is of another planet.");
    fake_gpu().loads = true;
    fake_gpu().contexts_allowed = 0;
    CHECK(contains(desk.refusal(), "could not reserve memory for the engine's largest size: out of memory."));
    fake_gpu().contexts_allowed = 1;
    fake_gpu().capacity = 999;
    CHECK(contains(desk.refusal(), "could not reserve memory for the engine's largest size"));
    CHECK(fake_gpu().used == 0);
}

TEST_CASE("an engine that is not what its sidecar says is refused") {
    const Desk desk;
    fake_gpu().tensors["image"].input = false;
    CHECK(contains(desk.refusal(),
                   "In TensorRT 11.4.0.106 the model has the output image uint8[-1, -1, -1, 3] instead "
                   "of the input image uint8[-1, -1, -1, 3]; it was changed"));
    fake_gpu().tensors["image"].input = true;
    fake_gpu().profiles.pop_back();
    CHECK(contains(desk.refusal(),
                   "has the profiles [{'image': [(1, 1, 1, 3), (1, 40, 60, 3), (1, 64, 64, 3)], "
                   "'candidates': [(1, 1), (1, 4), (1, 5)]}] instead of [{'image'"));
}
