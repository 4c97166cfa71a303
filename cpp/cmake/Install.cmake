include(CMakePackageConfigHelpers)

install(TARGETS swsss EXPORT swsssTargets)
install(TARGETS swsss-run)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/swsss)
install(EXPORT swsssTargets NAMESPACE swsss:: DESTINATION ${config_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/swsssConfig.cmake.in ${PROJECT_BINARY_DIR}/swsssConfig.cmake
    INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/swsssConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/swsssConfig.cmake ${PROJECT_BINARY_DIR}/swsssConfigVersion.cmake
    ${PROJECT_SOURCE_DIR}/cmake/FindONNXRuntime.cmake ${PROJECT_SOURCE_DIR}/cmake/FindTensorRT.cmake
    DESTINATION ${config_dir})
