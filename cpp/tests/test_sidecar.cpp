#include <doctest/doctest.h>

#include "engine_files.hpp"
#include "engines/sidecar.hpp"
#include "engines/tensorrt/checks.hpp"
#include "engines/tensorrt/engine.hpp"
#include "swsss/errors.hpp"
#include "temporary.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace {

const std::string again = "; build it again: swsss-export CHECKPOINT --out model.onnx --tensorrt";

template <typename Function>
std::string refusal(Function function) {
    try {
        function();
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

std::string refusal_of(const nlohmann::json& engine) {
    return refusal([&] { static_cast<void>(parse_sidecar(described_engine("plan", engine).dump(), "FILE")); });
}

EngineInfo built(const nlohmann::json& engine = {}) {
    return parse_sidecar(described_engine("plan", engine).dump(), "FILE").engine;
}

std::string refusal_on(const Machine& machine, const nlohmann::json& engine = {}) {
    return refusal([&] { check_machine("FILE", built(engine), machine); });
}

}  // namespace

TEST_CASE("an engine and its sidecar") {
    const TemporaryFolder folder;
    const auto path = write_engine(folder.path(), described_engine("plan").dump());
    CHECK(sidecar_path(path) == folder.path() / "small.engine.json");
    const EngineFile file = read_engine(path);
    CHECK(file.plan == "plan");
    CHECK(file.sidecar.model.classes.size() == 5);
    const EngineInfo& engine = file.sidecar.engine;
    CHECK(engine.library == "tensorrt");
    CHECK(engine.version == "11.4.0.106");
    CHECK(engine.compute_capability == "8.9");
    CHECK(engine.sha256 == sha256_of("plan"));
    REQUIRE(engine.profiles.size() == 2);
    CHECK(engine.profiles[1].image.opt == Shape{3, 64, 64, 3});
    CHECK(engine.profiles[1].candidates->max == Shape{3, 5});
}

TEST_CASE("half of an engine") {
    const TemporaryFolder folder;
    for (const char* missing : {"small.engine", "small.engine.json"}) {
        const auto path = write_engine(folder.path(), described_engine("plan").dump());
        const auto gone = folder.path() / missing;
        std::filesystem::remove(gone);
        CHECK(refusal([&] { static_cast<void>(read_engine(path)); }) ==
              gone.string() + " is missing; an engine is small.engine and small.engine.json together, " +
                  again.substr(2));
    }
}

TEST_CASE("the sidecar of another build") {
    const TemporaryFolder folder;
    const auto path = write_engine(folder.path(), described_engine("plan").dump(), "pla");
    CHECK(refusal([&] { static_cast<void>(read_engine(path)); }) ==
          path.string() + " is not the engine that small.engine.json describes, or is cut short" + again);
}

TEST_CASE("engines that cannot be read") {
    const TemporaryFolder folder;
    const auto path = write_engine(folder.path(), "\xff");
    CHECK(refusal([&] { static_cast<void>(read_engine(path)); }) ==
          "The engine " + path.string() + " cannot be read (small.engine.json is not UTF-8 text)" + again);
    std::filesystem::remove(path);
    std::filesystem::create_directory(path);
    CHECK(refusal([&] { static_cast<void>(read_engine(path)); }) ==
          "The engine " + path.string() + " cannot be read ([Errno 21] Is a directory: '" + path.string() + "')" +
              again);
}

TEST_CASE("a damaged sidecar") {
    const auto parse = [](const std::string& text) {
        return refusal([&] { static_cast<void>(parse_sidecar(text, "FILE")); });
    };
    CHECK(parse("{}").find("The description in FILE cannot be read; it is no model") == 0);
    auto newer = described_engine("plan");
    newer["format"] = 2;
    CHECK(parse(newer.dump()).find("FILE has format 2, newer than this swsss reads") == 0);
    const std::string unsaid = "FILE does not say how the engine was built" + again;
    CHECK(parse(described_model().dump()) == unsaid);
    const auto whole = described_engine("plan");
    for (const auto& item : whole["engine"].items()) {
        const std::string& name = item.key();
        CAPTURE(name);
        CHECK(refusal_of({{name, nullptr}}) == unsaid);
        CHECK(refusal_of({{name, 3}}) == unsaid);
    }
    CHECK(refusal_of({{"library", "openvino"}}) == unsaid);
    for (const char* capability :
         {"", "8", "8.", ".9", "8.9.1", "+", "8.9++", "-8.9", "8.-9", "99999999999.1", "8 .9"}) {
        CAPTURE(capability);
        CHECK(refusal_of({{"compute_capability", capability}}) == unsaid);
    }
}

TEST_CASE("damaged profiles") {
    const std::string unsaid = "FILE does not say how the engine was built" + again;
    CHECK(refusal_of({{"profiles", nlohmann::json::array()}}) == unsaid);
    for (const nlohmann::json& shape : {nlohmann::json{1, 2, 3}, nlohmann::json{0, 1, 1, 3}, nlohmann::json{9, 1, 1, 3},
                                        nlohmann::json{1, 1, 1, INT64_MAX}, nlohmann::json{1.5, 1, 1, 3}}) {
        auto profiles = described_profiles();
        profiles[0]["image"]["opt"] = shape;
        CAPTURE(shape.dump());
        CHECK(refusal_of({{"profiles", profiles}}) == unsaid);
    }
    auto plain = described_profiles();
    plain[0].erase("candidates");
    plain[1]["candidates"] = nullptr;
    CHECK_FALSE(built({{"profiles", plain}}).profiles[0].candidates);
}

TEST_CASE("the machine an engine runs on") {
    const Machine here{"11.4.0.106", Gpu{"NVIDIA GeForce RTX 4090", 8, 9}, this_platform()};
    for (const char* capability : {"8.9", "8.9+", "8.0+", "7.5+"}) {
        CHECK(refusal_on(here, {{"compute_capability", capability}}).empty());
    }
    CHECK(refusal_on(here, {{"platform", "any"}}).empty());
    CHECK(refusal_on(here, {{"version", "11.4.0.106.post1"}}).empty());
    CHECK(refusal_on(here, {{"compute_capability", "9.0+"}}) ==
          "FILE was built for compute capability 9.0+, but NVIDIA GeForce RTX 4090 has 8.9" + again);
    CHECK(refusal_on(here, {{"compute_capability", "8.0"}}).find("built for compute capability 8.0, but") !=
          std::string::npos);
    CHECK(refusal_on(here, {{"version", "11.4.0.10"}}) ==
          "FILE was built with version 11.4.0.10 of tensorrt and runs with no other, but 11.4.0.106 is installed" +
              again);
    CHECK(refusal_on(here, {{"platform", "windows-amd64"}}) ==
          "FILE was built on windows-amd64, but this is " + this_platform() + again);
    CHECK(refusal_on(here, {{"library", "tensorrt_rtx"}}).find("FILE is an engine of TensorRT-RTX") == 0);
    CHECK(refusal_on({"11.4.0.106", std::nullopt, this_platform()}) ==
          "FILE needs an NVIDIA GPU, and none is usable here; label with the ONNX file instead.");
}

TEST_CASE("the inputs and outputs of an engine") {
    const EngineTensor labels{false, "uint8", {-1, -1, -1}};
    std::map<std::string, EngineTensor> tensors{
        {"image", {true, "uint8", {-1, -1, -1, 3}}}, {"mask", labels}, {"confidence", labels}};
    ModelInfo model;
    const auto told = [&] { return refusal([&] { check_tensors("TensorRT 11", tensors, model); }); };
    CHECK(told() ==
          "In TensorRT 11 the model has no candidates instead of the input candidates int64[-1, -1]; it was changed "
          "after swsss-export, or please report it.");
    tensors["candidates"] = {true, "int64", {-1, -1}};
    CHECK(told().empty());
    model.conditioned = false;
    CHECK(told().find("has the input candidates int64[-1, -1] instead of no candidates;") != std::string::npos);
}

TEST_CASE("a program without TensorRT says so") {
    if (tensorrt_version().empty()) {
        CHECK(refusal([] { static_cast<void>(open_tensorrt_engine("small.engine")); }) ==
              "small.engine needs a swsss-run that was built with TensorRT (configure with -DTENSORRT_ROOT=...); this "
              "one was not; label with the ONNX file instead.");
    }
}
