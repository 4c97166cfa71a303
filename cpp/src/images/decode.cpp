#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "base/files.hpp"
#include "images/decoders.hpp"
#include "swsss/errors.hpp"

namespace swsss {
namespace {

// Fuzzing is to try many files, not large ones.
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
constexpr std::int64_t most_pixels = 1 << 20;
#else
constexpr std::int64_t most_pixels = max_pixels;
#endif

bool begins_with(Bytes data, std::string_view text, std::size_t at = 0) {
    return data.size() >= at + text.size() &&
           std::equal(text.begin(), text.end(), data.begin() + static_cast<std::ptrdiff_t>(at),
                      [](char one, std::uint8_t other) { return static_cast<std::uint8_t>(one) == other; });
}

bool is_tiff(Bytes data) {
    using namespace std::string_view_literals;
    static constexpr std::array signatures{"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv};
    return std::any_of(signatures.begin(), signatures.end(), [&](auto text) { return begins_with(data, text); });
}

StoredImage decode(Bytes data, const BeforePixels& before) {
    if (begins_with(data, "\xff\xd8\xff")) {
        return decode_jpeg(data, before);
    }
    if (begins_with(data, "\x89PNG\r\n\x1a\n")) {
        return decode_png(data, before);
    }
    if (begins_with(data, "RIFF") && begins_with(data, "WEBP", 8)) {
        return decode_webp(data, before);
    }
    if (begins_with(data, "BM")) {
        return {decode_bmp(data, before), 1};
    }
    if (is_tiff(data)) {
        return {decode_tiff(data, before), 1};
    }
    throw Undecodable(data.empty() ? "it is empty" : "unknown format");
}

/// The bytes of a file; a folder, a pipe and what is larger than any picture are not even opened.
std::string content_of(const std::filesystem::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        throw Undecodable(reason_of(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        throw Undecodable(S_ISDIR(status.st_mode) ? "it is a folder" : "it is a pipe or a device");
    }
    if (status.st_size > 8 * max_pixels) {
        throw Undecodable("it is larger than any picture that can be decoded");
    }
    try {
        return read_file(path);
    } catch (const FileError& error) {
        throw Undecodable(error.reason());
    }
}

[[noreturn]] void refuse(const std::string& name, const std::string& reason) {
    throw UserError(name + " cannot be read as an image: " + reason + ".");
}

}  // namespace

void check_size(std::int64_t width, std::int64_t height) {
    if (width <= 0 || height <= 0) {
        throw Undecodable(damaged);
    }
    if (width > most_pixels / height) {
        throw Undecodable("it has more than 178 956 970 pixels");
    }
}

Image make_image(std::int64_t width, std::int64_t height, const BeforePixels& before) {
    check_size(width, height);
    before(static_cast<int>(height), static_cast<int>(width));
    Image image{static_cast<int>(height), static_cast<int>(width), {}};
    image.pixels.resize(static_cast<std::size_t>(width * height * 3));
    return image;
}

StoredImage decode_image(std::span<const std::uint8_t> data, const std::string& name) {
    try {
        return decode(data, [](int, int) {});
    } catch (const Undecodable& error) {
        refuse(name, error.what());
    }
}

StoredImage read_image(const std::filesystem::path& path, const BeforePixels& before) {
    try {
        const std::string data = content_of(path);
        return decode({reinterpret_cast<const std::uint8_t*>(data.data()), data.size()}, before);  // NOLINT
    } catch (const Undecodable& error) {
        refuse(path.string(), error.what());
    }
}

}  // namespace swsss
