#include "swsss/version.hpp"

#include <png.h>
#include <sodium.h>
#include <sqlite3.h>
#include <tiffio.h>
#include <utf8proc.h>
#include <webp/decode.h>
#include <zlib.h>

#include <cstdio>
// Wants <cstdio> before it.
#include <jpeglib.h>

#include <sstream>

#include "engines/onnx/engine.hpp"
#include "engines/tensorrt/engine.hpp"

namespace swsss {
namespace {

/// libtiff's, in which the version stands at the end of the first line.
std::string tiff_version() {
    std::string line;
    std::getline(std::istringstream(TIFFGetVersion()), line);
    return line.substr(line.rfind(' ') + 1);
}

std::string webp_version() {
    const auto number = static_cast<unsigned>(WebPGetDecoderVersion());
    return std::to_string(number >> 16U) + "." + std::to_string(number >> 8U & 0xFFU) + "." +
           std::to_string(number & 0xFFU);
}

// NOLINTBEGIN(*-macro-usage): versions are given as macros of numbers
#define SWSSS_TEXT_OF(value) #value
#define SWSSS_TEXT(value) SWSSS_TEXT_OF(value)
// NOLINTEND(*-macro-usage)

}  // namespace

std::string version() { return SWSSS_VERSION; }

std::string library_versions() {
    const std::string tensorrt = tensorrt_version();
    return "ONNX Runtime " + onnxruntime_version() + "\n" + "TensorRT " +
           (tensorrt.empty() ? "not built in" : tensorrt) + "\n" +
           "libjpeg-turbo " SWSSS_TEXT(LIBJPEG_TURBO_VERSION) "\n" + "libpng " + png_get_libpng_ver(nullptr) + "\n" +
           "libtiff " + tiff_version() + "\n" + "libwebp " + webp_version() + "\n" + "zlib " + zlibVersion() + "\n" +
           "SQLite " + sqlite3_libversion() + "\n" + "libsodium " + sodium_version_string() + "\n" + "utf8proc " +
           utf8proc_version();
}

}  // namespace swsss
