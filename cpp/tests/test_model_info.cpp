#include <doctest/doctest.h>

#include "base/base64.hpp"
#include "engine_files.hpp"
#include "swsss/errors.hpp"
#include "swsss/model_info.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace {

std::string refusal(const std::string& text) {
    try {
        static_cast<void>(parse_model_info(text, "FILE"));
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

/// The description with one field changed.
std::string changed(const char* name, const nlohmann::json& value) {
    auto description = described_model();
    description[name] = value;
    return description.dump();
}

const std::string unreadable =
    "The description in FILE cannot be read; it is no model of swsss; make one with swsss-export CHECKPOINT --out "
    "model.onnx.";

}  // namespace

TEST_CASE("the description of a model") {
    auto description = described_model();
    description["golden"] = {{"image", "AA=="}, {"candidates", {0, 2}}, {"mask", "cd"}};
    description["something"] = "newer";
    const ModelInfo info = parse_model_info(description.dump(), "FILE");
    CHECK(info.conditioned);
    CHECK(info.classes == std::vector<std::string>{"background", "cat", "dog", "polar bear", "person"});
    CHECK(info.palette[4] == std::array<std::uint8_t, 3>{0, 0, 128});
    CHECK(info.scales == std::vector<double>{1.0});
    CHECK_FALSE(info.flip);
    CHECK(info.max_side == 4096);
    CHECK(info.precision == "fp32");
    CHECK(info.source == "ab");
    REQUIRE(info.golden);
    CHECK(info.golden->candidates == std::vector<std::int64_t>{0, 2});
    CHECK(info.golden->mask == "cd");
    CHECK_FALSE(parse_model_info(changed("task", "plain"), "FILE").conditioned);
    CHECK_FALSE(parse_model_info(changed("golden", nullptr), "FILE").golden);
}

TEST_CASE("a description of a newer format, whatever else it holds") {
    const std::string newer = "FILE has format 2, newer than this swsss reads (1); upgrade swsss.";
    CHECK(refusal(changed("format", 2)) == newer);
    CHECK(refusal(R"({"format": 2, "shape": "unknown yet"})") == newer);
}

TEST_CASE("a damaged description") {
    for (const char* text : {"", "{", "{}", "[]", "null", "3", R"("format")", R"({"format": 0})", "\xff"}) {
        CAPTURE(text);
        CHECK(refusal(text) == unreadable);
    }
    const auto whole = described_model();
    for (const auto& item : whole.items()) {
        const std::string& name = item.key();
        CAPTURE(name);
        auto description = described_model();
        description.erase(name);
        CHECK(refusal(description.dump()) == (name == "format" ? "" : unreadable));  // the first format had no number
        CHECK(refusal(changed(name.c_str(), nlohmann::json::object({{"a", 1}}))) == unreadable);
        CHECK(refusal(changed(name.c_str(), nullptr)) == unreadable);
    }
    CHECK(refusal(changed("task", "dream")) == unreadable);
    CHECK(refusal(changed("precision", "fp8")) == unreadable);
    CHECK(refusal(changed("palette", {{0, 0, 256}})) == unreadable);
    CHECK(refusal(changed("palette", {{0, 0}})) == unreadable);
    CHECK(refusal(changed("mean", {1.0})) == unreadable);
    CHECK(refusal(changed("max_side", 1e30)) == unreadable);
    CHECK(refusal(changed("max_side", UINT64_MAX)) == unreadable);
    CHECK(refusal(changed("golden", {{"image", ""}})) == unreadable);
}

TEST_CASE("a class table has 2 to 255 different names") {
    CHECK(refusal(changed("classes", {"background"})) ==
          "A class table needs 2 to 255 names, background first; this one has 1.");
    CHECK(refusal(changed("classes", {"background", "cat", "cat"})) ==
          "Class 'cat' occurs twice in the class table; every name must be different.");
}

TEST_CASE("base64") {
    CHECK(decode_base64("") == std::vector<std::uint8_t>{});
    CHECK(decode_base64("AP8=") == std::vector<std::uint8_t>{0, 255});
    for (const char* text : {"A", "AP8", "AP8=x", "A P8", "AP8-", "AP9="}) {
        CAPTURE(text);
        CHECK_THROWS_AS(static_cast<void>(decode_base64(text)), UserError);
    }
}
