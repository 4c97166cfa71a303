# The official release, for machines that reach it. Taken only when asked for with SWSSS_DOWNLOAD_ONNXRUNTIME.
include(FetchContent)
set(SWSSS_ONNXRUNTIME_VERSION 1.22.0 CACHE STRING "Release of ONNX Runtime to download")
set(flavour x64)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    set(flavour aarch64)
endif()
FetchContent_Declare(onnxruntime_release URL
    https://github.com/microsoft/onnxruntime/releases/download/v${SWSSS_ONNXRUNTIME_VERSION}/onnxruntime-linux-${flavour}-${SWSSS_ONNXRUNTIME_VERSION}.tgz)
FetchContent_MakeAvailable(onnxruntime_release)
set(ONNXRUNTIME_ROOT ${onnxruntime_release_SOURCE_DIR})
