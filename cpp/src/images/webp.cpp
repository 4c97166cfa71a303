#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>
#include <utility>

#include "images/decoders.hpp"

namespace swsss {
namespace {

struct Deleter {
    void operator()(WebPAnimDecoder* decoder) const noexcept { WebPAnimDecoderDelete(decoder); }
    void operator()(WebPDemuxer* demuxer) const noexcept { WebPDemuxDelete(demuxer); }
};

/// The first picture of an animation, on its canvas; alpha is dropped.
void read_first_frame(const WebPData& data, Image& image) {
    const std::unique_ptr<WebPAnimDecoder, Deleter> decoder(WebPAnimDecoderNew(&data, nullptr));
    WebPAnimInfo about{};
    std::uint8_t* canvas = nullptr;
    int time = 0;
    if (!decoder || WebPAnimDecoderGetInfo(decoder.get(), &about) == 0 ||
        static_cast<int>(about.canvas_width) != image.width || static_cast<int>(about.canvas_height) != image.height ||
        WebPAnimDecoderGetNext(decoder.get(), &canvas, &time) == 0) {
        throw Undecodable(damaged);
    }
    for (std::size_t pixel = 0; pixel < image.pixels.size() / 3; ++pixel) {
        for (std::size_t channel = 0; channel < 3; ++channel) {
            image.pixels[3 * pixel + channel] = canvas[4 * pixel + channel];
        }
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

StoredImage decode_webp(Bytes data, const BeforePixels& before) {
    WebPBitstreamFeatures features{};
    if (WebPGetFeatures(data.data(), data.size(), &features) != VP8_STATUS_OK) {
        throw Undecodable(damaged);
    }
    const WebPData all{data.data(), data.size()};
    // Made only of a file whose frames are all there.
    const std::unique_ptr<WebPDemuxer, Deleter> demuxer(WebPDemux(&all));
    if (!demuxer) {
        throw Undecodable(damaged);
    }
    Image image = make_image(features.width, features.height, before);
    if (features.has_animation != 0) {
        read_first_frame(all, image);
    } else if (WebPDecodeRGBInto(data.data(), data.size(), image.pixels.data(), image.pixels.size(), 3 * image.width) ==
               nullptr) {
        throw Undecodable(damaged);
    }
    return {std::move(image), orientation_in(demuxer.get())};
}

}  // namespace swsss
