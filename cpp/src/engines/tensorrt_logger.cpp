#ifdef SWSSS_WITH_TENSORRT

#include "engines/tensorrt_logger.hpp"

#include <exception>

#include "base/text.hpp"

namespace swsss {
namespace {

constexpr std::size_t kept = 8;

}  // namespace

void TensorRTLogger::log(Severity severity, const nvinfer1::AsciiChar* message) noexcept {
    if (severity != Severity::kINTERNAL_ERROR && severity != Severity::kERROR) {
        return;
    }
    try {
        const std::lock_guard lock(mutex_);
        if (errors_.size() < kept) {
            errors_.emplace_back(message);
        }
    } catch (const std::exception&) {  // out of memory; TensorRT must not see it
        return;
    }
}

std::string TensorRTLogger::first_error() const {
    const std::lock_guard lock(mutex_);
    if (errors_.empty()) {
        return "it does not say why";
    }
    const std::string_view text = strip(errors_.front());
    std::string line(text.substr(0, text.find_first_of("\r\n")));
    line.erase(line.find_last_not_of('.') + 1);
    return line;
}

void TensorRTLogger::clear() {
    const std::lock_guard lock(mutex_);
    errors_.clear();
}

TensorRTLogger& tensorrt_logger() {
    static TensorRTLogger logger;
    return logger;
}

}  // namespace swsss

#endif
