/// What TensorRT complains about. Only for builds with TensorRT.
#pragma once

#include <NvInferRuntime.h>

#include <mutex>
#include <string>
#include <vector>

namespace swsss {

/// Keeps the first few errors, and the rest off the user's terminal.
class TensorRTLogger final : public nvinfer1::ILogger {
  public:
    /// Called by TensorRT, from any thread.
    void log(Severity severity, const nvinfer1::AsciiChar* message) noexcept override;

    /// What was complained about first, on one line, without its full stop: what follows are consequences.
    [[nodiscard]] std::string first_error() const;

    void clear();

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> errors_;
};

/// The logger of the process: TensorRT keeps the first that it is given, and uses it for every engine.
[[nodiscard]] TensorRTLogger& tensorrt_logger();

}  // namespace swsss
