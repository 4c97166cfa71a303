# Text files inside a program. `swsss_embed(TARGET FOLDER)` adds a source file that holds every FOLDER/*.html; it is
# made anew when one of them changes, by this same file run as a script.
if(CMAKE_SCRIPT_MODE_FILE)
    file(GLOB paths ${FOLDER}/*.html)
    set(code "// Made by Embed.cmake.\n#include \"report/template.hpp\"\n\n")
    string(APPEND code "std::string_view swsss::embedded_template(std::string_view name) {\n")
    foreach(path IN LISTS paths)
        get_filename_component(name ${path} NAME)
        file(READ ${path} text)
        string(APPEND code "    if (name == \"${name}\") {\n        return R\"embedded(${text})embedded\";\n    }\n")
    endforeach()
    string(APPEND code "    return {};\n}\n")
    file(WRITE ${OUT} "${code}")
    return()
endif()

set(SWSSS_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(swsss_embed target folder)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/embedded.cpp)
    file(GLOB paths CONFIGURE_DEPENDS ${folder}/*.html)
    add_custom_command(OUTPUT ${out} VERBATIM DEPENDS ${paths} ${SWSSS_EMBED_SCRIPT}
        COMMAND ${CMAKE_COMMAND} -DFOLDER=${folder} -DOUT=${out} -P ${SWSSS_EMBED_SCRIPT})
    target_sources(${target} PRIVATE ${out})
endfunction()
