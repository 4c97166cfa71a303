#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "images/bytes.hpp"
#include "images/decoders.hpp"
#include "images/headers.hpp"

namespace swsss {
namespace {

struct Deleter {
    void operator()(WebPAnimDecoder* decoder) const noexcept { WebPAnimDecoderDelete(decoder); }
    void operator()(WebPDemuxer* demuxer) const noexcept { WebPDemuxDelete(demuxer); }
};

/// The first picture of an animation, on its canvas; alpha is dropped.
Image first_frame(const WebPData& data) {
    const std::unique_ptr<WebPAnimDecoder, Deleter> decoder(WebPAnimDecoderNew(&data, nullptr));
    WebPAnimInfo about{};
    std::uint8_t* canvas = nullptr;
    int time = 0;
    if (!decoder || WebPAnimDecoderGetInfo(decoder.get(), &about) == 0) {
        throw Undecodable(damaged);
    }
    Image image = make_image(about.canvas_width, about.canvas_height);
    if (WebPAnimDecoderGetNext(decoder.get(), &canvas, &time) == 0) {
        throw Undecodable(damaged);
    }
    for (std::size_t pixel = 0; pixel < image.pixels.size() / 3; ++pixel) {
        for (std::size_t channel = 0; channel < 3; ++channel) {
            image.pixels[3 * pixel + channel] = canvas[4 * pixel + channel];
        }
    }
    return image;
}

Image still(Bytes data, const WebPBitstreamFeatures& features) {
    Image image = make_image(features.width, features.height);
    if (WebPDecodeRGBInto(data.data(), data.size(), image.pixels.data(), image.pixels.size(), 3 * image.width) ==
        nullptr) {
        throw Undecodable(damaged);
    }
    return image;
}

/// Refuse a file that says it is too large, before anything of that size is made.
void check_webp_size(Bytes data) {
    const Bytes kind = part(data, 12, 4);
    const auto is = [&](std::string_view name) { return std::equal(name.begin(), name.end(), kind.begin()); };
    if (is("VP8X") && data.size() >= 30) {
        check_size(1 + static_cast<std::int64_t>(little_endian(data, 24, 3)),
                   1 + static_cast<std::int64_t>(little_endian(data, 27, 3)));
    } else if (is("VP8 ") && data.size() >= 30) {
        check_size(static_cast<std::int64_t>(little_endian(data, 26, 2) & 0x3FFFU),
                   static_cast<std::int64_t>(little_endian(data, 28, 2) & 0x3FFFU));
    } else if (is("VP8L") && data.size() >= 25) {
        const auto bits = little_endian(data, 21, 4);
        check_size(1 + static_cast<std::int64_t>(bits & 0x3FFFU), 1 + static_cast<std::int64_t>(bits >> 14U & 0x3FFFU));
    }
}

int orientation_in(WebPDemuxer* demuxer) {
    WebPChunkIterator chunk{};
    int orientation = 1;
    if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) != 0) {
        orientation = exif_orientation({chunk.chunk.bytes, chunk.chunk.size});
    }
    WebPDemuxReleaseChunkIterator(&chunk);
    return orientation;
}

}  // namespace

StoredImage decode_webp(Bytes data) {
    if (data.size() >= 16) {
        check_webp_size(data);
    }
    const WebPData all{data.data(), data.size()};
    // Made only of a file whose frames are all there.
    const std::unique_ptr<WebPDemuxer, Deleter> demuxer(WebPDemux(&all));
    WebPBitstreamFeatures features{};
    if (!demuxer || WebPGetFeatures(data.data(), data.size(), &features) != VP8_STATUS_OK ||
        std::max(features.width, features.height) > longest_side) {
        throw Undecodable(damaged);
    }
    Image image = features.has_animation != 0 ? first_frame(all) : still(data, features);
    return {std::move(image), orientation_in(demuxer.get())};
}

}  // namespace swsss
