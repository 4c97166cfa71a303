# Warnings are errors here; whoever builds the library into a project of theirs is not bothered.
add_library(swsss_warnings INTERFACE)
target_compile_options(swsss_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 sees overlaps in std::string that are not there (GCC bug 105651).
    target_compile_options(swsss_warnings INTERFACE -Wno-restrict)
endif()
if(PROJECT_IS_TOP_LEVEL)
    target_compile_options(swsss_warnings INTERFACE -Werror)
endif()

if(SWSSS_SANITIZE)
    add_compile_options(-fsanitize=${SWSSS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${SWSSS_SANITIZE})
endif()
