#include <gif_lib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "images/decoders.hpp"

namespace swsss {
namespace {

struct Closer {
    void operator()(GifFileType* gif) const noexcept { DGifCloseFile(gif, nullptr); }
};
using Gif = std::unique_ptr<GifFileType, Closer>;

extern "C" int read_gif(GifFileType* gif, GifByteType* to, int count) {
    auto* left = static_cast<Bytes*>(gif->UserData);
    const auto done = std::min(left->size(), static_cast<std::size_t>(std::max(count, 0)));
    std::memcpy(to, left->data(), done);
    *left = left->subspan(done);
    return static_cast<int>(done);
}

/// Rows in the order they are stored in.
std::vector<int> row_order(int height, bool interlaced) {
    std::vector<int> rows;
    const auto every = [&](int first, int step) {
        for (int row = first; row < height; row += step) {
            rows.push_back(row);
        }
    };
    if (!interlaced) {
        every(0, 1);
        return rows;
    }
    every(0, 8);
    every(4, 8);
    every(2, 4);
    every(1, 2);
    return rows;
}

/// Read on to the first picture; its transparent index, 0 where none is.
int skip_to_picture(GifFileType* gif) {
    int transparent = 0;
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    while (DGifGetRecordType(gif, &record) == GIF_OK) {
        if (record == IMAGE_DESC_RECORD_TYPE) {
            if (DGifGetImageDesc(gif) != GIF_OK) {
                break;
            }
            return transparent;
        }
        if (record != EXTENSION_RECORD_TYPE) {
            break;
        }
        int code = 0;
        GifByteType* block = nullptr;
        if (DGifGetExtension(gif, &code, &block) != GIF_OK) {
            break;
        }
        GraphicsControlBlock control{};
        if (code == GRAPHICS_EXT_FUNC_CODE && block != nullptr &&
            DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
            transparent = std::max(0, control.TransparentColor);
        }
        while (block != nullptr) {
            if (DGifGetExtensionNext(gif, &block) != GIF_OK) {
                throw Undecodable(damaged);
            }
        }
    }
    throw Undecodable(damaged);
}

void put(Image& image, int row, int column, const ColorMapObject* colours, int index) {
    std::uint8_t* to =
        image.pixels.data() +
        3 * (static_cast<std::size_t>(row) * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(column));
    const bool known = colours != nullptr && index < colours->ColorCount;
    const GifColorType colour = known ? colours->Colors[index] : GifColorType{0, 0, 0};
    to[0] = colour.Red;
    to[1] = colour.Green;
    to[2] = colour.Blue;
}

}  // namespace

Image decode_gif(Bytes data) {
    Bytes left = data;
    int error = 0;
    const Gif gif(DGifOpen(&left, read_gif, &error));
    if (!gif) {
        throw Undecodable(damaged);
    }
    const int transparent = skip_to_picture(gif.get());
    const GifImageDesc& frame = gif->Image;
    Image image = make_image(gif->SWidth, gif->SHeight);
    if (frame.Left < 0 || frame.Top < 0 || frame.Width <= 0 || frame.Left + frame.Width > gif->SWidth ||
        frame.Top + frame.Height > gif->SHeight) {
        throw Undecodable(damaged);
    }
    const ColorMapObject* colours = frame.ColorMap != nullptr ? frame.ColorMap : gif->SColorMap;
    for (int row = 0; row < image.height; ++row) {
        for (int column = 0; column < image.width; ++column) {
            put(image, row, column, colours, transparent);
        }
    }
    std::vector<GifPixelType> line(static_cast<std::size_t>(frame.Width));
    for (const int row : row_order(frame.Height, frame.Interlace)) {
        if (DGifGetLine(gif.get(), line.data(), frame.Width) != GIF_OK) {
            throw Undecodable(damaged);
        }
        for (int column = 0; column < frame.Width; ++column) {
            put(image, frame.Top + row, frame.Left + column, colours, line[static_cast<std::size_t>(column)]);
        }
    }
    return image;
}

}  // namespace swsss
