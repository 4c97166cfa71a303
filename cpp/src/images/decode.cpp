#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "images/bmp_header.hpp"
#include "images/bytes.hpp"
#include "images/content.hpp"
#include "images/decoders.hpp"
#include "images/gif_parts.hpp"
#include "images/headers.hpp"
#include "images/tiff_header.hpp"
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

StoredImage decode(Bytes data) {
    if (begins_with(data, "\xff\xd8")) {
        const JpegHeader header = read_jpeg_header(data);
        return {decode_jpeg(data, header.width, header.height), header.orientation};
    }
    if (begins_with(data, "\x89PNG\r\n\x1a\n")) {
        return decode_png(data);
    }
    if (begins_with(data, "RIFF") && begins_with(data, "WEBP", 8)) {
        return decode_webp(data);
    }
    if (begins_with(data, "BM")) {
        return {decode_bmp(data), 1};
    }
    if (is_tiff(data)) {
        return {decode_tiff(data), 1};
    }
    if (begins_with(data, "GIF87a") || begins_with(data, "GIF89a")) {
        return {decode_gif(data), 1};
    }
    throw Undecodable(data.empty() ? "it is empty" : "unknown format");
}

/// Height and width as stored, read from the header.
std::pair<std::int64_t, std::int64_t> size_of(Bytes data) {
    if (begins_with(data, "\xff\xd8")) {
        const JpegHeader header = read_jpeg_header(data);
        return {header.height, header.width};
    }
    if (begins_with(data, "\x89PNG\r\n\x1a\n")) {
        return {static_cast<std::int64_t>(big_endian(data, 20, 4)), static_cast<std::int64_t>(big_endian(data, 16, 4))};
    }
    if (begins_with(data, "RIFF") && begins_with(data, "WEBP", 8)) {
        return webp_size(data);
    }
    if (begins_with(data, "BM")) {
        const BmpHeader header = read_bmp_header(data);
        return {static_cast<std::int64_t>(header.height), static_cast<std::int64_t>(header.width)};
    }
    if (is_tiff(data)) {
        const TiffHeader header = read_tiff_header(data);
        return {header.height, header.width};
    }
    if (begins_with(data, "GIF87a") || begins_with(data, "GIF89a")) {
        const GifParts parts = read_gif_parts(data);
        return {static_cast<std::int64_t>(parts.screen_height), static_cast<std::int64_t>(parts.screen_width)};
    }
    throw Undecodable(data.empty() ? "it is empty" : "unknown format");
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

Image make_image(std::int64_t width, std::int64_t height) {
    check_size(width, height);
    Image image{static_cast<int>(height), static_cast<int>(width), {}};
    image.pixels.resize(static_cast<std::size_t>(width * height * 3));
    return image;
}

StoredImage decode_image(std::span<const std::uint8_t> data, const std::string& name) {
    try {
        return decode(data);
    } catch (const Undecodable& error) {
        refuse(name, error.what());
    }
}

StoredImage read_image(const std::filesystem::path& path, const std::function<void(int, int)>& before) {
    std::string data;
    try {
        data = picture_content(path);
    } catch (const Undecodable& error) {
        refuse(path.string(), error.what());
    }
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(data.data());  // NOLINT(*-reinterpret-cast)
    const Bytes file{bytes, data.size()};
    std::pair<std::int64_t, std::int64_t> size;
    try {
        size = size_of(file);
        check_size(size.second, size.first);
    } catch (const Undecodable& error) {
        refuse(path.string(), error.what());
    }
    before(static_cast<int>(size.first), static_cast<int>(size.second));
    StoredImage stored = decode_image(file, path.string());
    if (std::int64_t{stored.image.height} * stored.image.width != size.first * size.second) {
        // Another reading of the header than ours: nobody knows what the picture is.
        refuse(path.string(), damaged);
    }
    return stored;
}

}  // namespace swsss
