/// Arbitrary bytes as tags.csv: read, or refused in words.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "swsss/errors.hpp"
#include "tags/tags.hpp"

namespace {

void expect(bool holds) {
    if (!holds) {
        __builtin_trap();
    }
}

/// A file in memory that holds the data; its name.
std::filesystem::path file_of(const std::uint8_t* data, std::size_t size) {
    static const int descriptor = ::memfd_create("tags", 0);
    expect(descriptor >= 0 && ::ftruncate(descriptor, 0) == 0);
    expect(::pwrite(descriptor, data, size, 0) == static_cast<ssize_t>(size));
    return "/proc/self/fd/" + std::to_string(descriptor);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::vector<std::string> images{"a.jpg", "b.png", "e.jpg", "e.png", "sub/c.jpg", "sub/d.v2.jpg"};
    static const swsss::ClassTable classes({"background", "cat", "dog", "traffic light"});
    try {
        const swsss::TagTable table = swsss::read_tags(file_of(data, size), classes, images);
        for (std::size_t image = 0; image < images.size(); ++image) {
            const swsss::Tags* tags = table.find(image);
            for (const int id : tags == nullptr ? swsss::Tags{} : *tags) {
                expect(id >= 1 && id < classes.size());
            }
        }
    } catch (const swsss::UserError&) {
        // Told in words, as it should be.
    }
    return 0;
}
