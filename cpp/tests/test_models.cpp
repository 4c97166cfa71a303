#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "labels/models.hpp"
#include "swsss/errors.hpp"
#include "temporary.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace {

namespace fs = std::filesystem;

/// A file of a run, written so many seconds ago.
void write(const fs::path& path, int age) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "x";
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::seconds(age));
}

}  // namespace

TEST_CASE("the model is that of the run whose stage 1 was finished last, whatever trained it") {
    const TemporaryFolder folder;
    const fs::path runs = folder.path() / "runs";
    CHECK_THROWS_AS(static_cast<void>(newest_model(runs)), UserError);
    write(runs / "unfinished" / "model.onnx", 1);
    CHECK_THROWS_AS(static_cast<void>(newest_model(runs)), UserError);
    write(runs / "crossed" / "hybridnet.safetensors", 50);
    write(runs / "crossed" / "model.onnx", 40);
    CHECK(newest_model(runs) == runs / "crossed" / "model.onnx");
    write(runs / "taught" / "teacher.safetensors", 30);
    CHECK_THROWS_AS(static_cast<void>(newest_model(runs)), UserError);
    write(runs / "taught" / "model.onnx", 20);
    CHECK(newest_model(runs) == runs / "taught" / "model.onnx");
    write(runs / "later" / "hybridnet.safetensors", 10);
    write(runs / "later" / "model.onnx", 5);
    CHECK(newest_model(runs) == runs / "later" / "model.onnx");
}
