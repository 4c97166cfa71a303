#[[
Finds TensorRT 10.1 or newer and the CUDA runtime it needs: below TENSORRT_ROOT (a release, unpacked) and CUDA_ROOT, or
installed in the system.

Gives the target TensorRT::nvinfer, and TensorRT_VERSION.
]]
set(TensorRT_OLDEST 10.1)
find_path(TensorRT_INCLUDE_DIR NvInferRuntime.h
    HINTS ${TENSORRT_ROOT} ENV TENSORRT_ROOT
    PATH_SUFFIXES include include/${CMAKE_LIBRARY_ARCHITECTURE} ${CMAKE_LIBRARY_ARCHITECTURE})
# The wheels of pip hold only the name with the version.
find_library(TensorRT_LIBRARY NAMES nvinfer libnvinfer.so.11 libnvinfer.so.10
    HINTS ${TENSORRT_ROOT} ENV TENSORRT_ROOT
    PATH_SUFFIXES lib lib64 lib/${CMAKE_LIBRARY_ARCHITECTURE} targets/x86_64-linux-gnu/lib)

set(TensorRT_VERSION "")
if(EXISTS "${TensorRT_INCLUDE_DIR}/NvInferVersion.h")
    # Newer headers define NV_TENSORRT_MAJOR by another name, which holds the number.
    foreach(part MAJOR MINOR PATCH)
        file(STRINGS "${TensorRT_INCLUDE_DIR}/NvInferVersion.h" line
            REGEX "^#define (NV_TENSORRT_${part}|TRT_${part}_ENTERPRISE) [0-9]+")
        string(REGEX MATCH "[0-9]+" number "${line}")
        list(APPEND TensorRT_VERSION "${number}")
    endforeach()
    list(JOIN TensorRT_VERSION "." TensorRT_VERSION)
endif()
set(TensorRT_IS_NEW_ENOUGH FALSE)
if(TensorRT_VERSION VERSION_GREATER_EQUAL TensorRT_OLDEST)
    set(TensorRT_IS_NEW_ENOUGH TRUE)
endif()

# A toolkit that has nvcc is found by CMake; otherwise its headers and the library are enough. Those of pip's wheels are
# not: they lack crt/.
if(CUDA_ROOT AND NOT CUDAToolkit_ROOT)
    set(CUDAToolkit_ROOT ${CUDA_ROOT})
endif()
find_package(CUDAToolkit QUIET)
if(TARGET CUDA::cudart)
    set(TensorRT_CUDART CUDA::cudart)
else()
    find_path(TensorRT_CUDA_INCLUDE_DIR crt/host_defines.h
        HINTS ${CUDA_ROOT} ENV CUDA_ROOT /usr/local/cuda
        PATH_SUFFIXES include targets/x86_64-linux/include targets/sbsa-linux/include)
    find_library(TensorRT_CUDART NAMES cudart libcudart.so.13 libcudart.so.12
        HINTS ${CUDA_ROOT} ENV CUDA_ROOT /usr/local/cuda
        PATH_SUFFIXES lib64 lib targets/x86_64-linux/lib targets/sbsa-linux/lib)
    set(TensorRT_CUDA_NEEDED TensorRT_CUDA_INCLUDE_DIR)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(TensorRT
    REQUIRED_VARS TensorRT_LIBRARY TensorRT_INCLUDE_DIR TensorRT_IS_NEW_ENOUGH TensorRT_CUDART ${TensorRT_CUDA_NEEDED}
    VERSION_VAR TensorRT_VERSION
    REASON_FAILURE_MESSAGE "set TENSORRT_ROOT to a release of TensorRT ${TensorRT_OLDEST} or newer, and CUDA_ROOT to the CUDA toolkit")

if(TensorRT_FOUND AND NOT TARGET TensorRT::nvinfer)
    add_library(TensorRT::nvinfer UNKNOWN IMPORTED)
    set_target_properties(TensorRT::nvinfer PROPERTIES
        IMPORTED_LOCATION ${TensorRT_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES "${TensorRT_INCLUDE_DIR};${TensorRT_CUDA_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES ${TensorRT_CUDART})
endif()
mark_as_advanced(TensorRT_INCLUDE_DIR TensorRT_LIBRARY TensorRT_CUDA_INCLUDE_DIR TensorRT_CUDART)
