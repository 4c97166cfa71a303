/// A deserialised engine, from which any number of workers label. Only for builds with TensorRT.
#pragma once

#include <NvInferRuntime.h>

#include <cstddef>
#include <memory>
#include <string>

#include "engines/sidecar.hpp"

namespace swsss {

class TensorRTSession {
  public:
    /// @param library Name and version, for messages.
    /// @param plan The engine's bytes; not needed afterwards.
    /// @param sidecar Its description; must outlive this.
    /// @throws UserError The library does not start or cannot load it, or it is not what its sidecar says.
    TensorRTSession(std::string library, const std::string& plan, const Sidecar& sidecar);

    [[nodiscard]] const Sidecar& sidecar() const { return sidecar_; }
    [[nodiscard]] const std::string& library() const { return library_; }

    /// Bytes on the GPU that a context computes in, enough for the largest size.
    [[nodiscard]] std::size_t memory_size() const;

    /// A context that computes in memory it is given; null when there is no room for it.
    [[nodiscard]] std::unique_ptr<nvinfer1::IExecutionContext> new_context() const;

    /// @throws UserError Not done; says what, and what TensorRT complained about first.
    void require(bool done, const std::string& what) const;

    /// Let an error be that did no harm.
    static void forget();

  private:
    std::string library_;
    const Sidecar& sidecar_;
    // In this order: each needs the one before it for as long as it lives.
    std::unique_ptr<nvinfer1::IRuntime> runtime_;
    std::unique_ptr<nvinfer1::ICudaEngine> engine_;
};

/// Version of the library that is loaded, as "11.1.0.106".
[[nodiscard]] std::string loaded_tensorrt();

}  // namespace swsss
