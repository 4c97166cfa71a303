/// Arbitrary bytes as tags.csv: read, or refused in words.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "swsss/errors.hpp"
#include "tags/tags.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("swsss-fuzz-" + std::to_string(::getpid()) + ".csv");
    static const std::vector<std::string> images{"a.jpg", "b.png", "e.jpg", "e.png", "sub/c.jpg", "sub/d.v2.jpg"};
    static const swsss::ClassTable classes({"background", "cat", "dog", "traffic light"});
    swsss::write_whole(path, {data, size});
    try {
        const swsss::TagTable table = swsss::read_tags(path, classes, images);
        for (std::size_t image = 0; image < images.size(); ++image) {
            const swsss::Tags* tags = table.find(image);
            for (const int id : tags == nullptr ? swsss::Tags{} : *tags) {
                if (id < 1 || id >= classes.size()) {
                    __builtin_trap();
                }
            }
        }
    } catch (const swsss::UserError&) {
        return 0;
    }
    return 0;
}
