/// Arbitrary bytes as tags.csv: read, or refused in words; and the same lines however the text is cut into blocks.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "swsss/errors.hpp"
#include "tags/lines.hpp"
#include "tags/tags.hpp"

namespace {

using Text = std::vector<std::string>;

void expect(bool holds) {
    if (!holds) {
        __builtin_trap();
    }
}

/// The lines of a text that comes in blocks, or which of them is not UTF-8.
Text lines_of(const std::uint8_t* data, std::size_t size, std::size_t block) {
    std::size_t at = 0;
    swsss::Lines lines(
        [&](std::span<char> buffer) {
            const std::size_t count = std::min({block, buffer.size(), size - at});
            if (count > 0) {
                std::memcpy(buffer.data(), data + at, count);
            }
            at += count;
            return count;
        },
        block);
    Text found;
    try {
        for (std::string_view line = lines.next(); !line.empty(); line = lines.next()) {
            found.emplace_back(line);
        }
    } catch (const swsss::NotUtf8& error) {
        return {"not UTF-8", std::to_string(error.line())};
    }
    return found;
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
    const Text whole = lines_of(data, size, size + 1);
    for (const std::size_t block : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}}) {
        expect(lines_of(data, size, block) == whole);
    }
    return 0;
}
