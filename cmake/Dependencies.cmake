# SPDX-License-Identifier: MIT
# What we link, as deps::NAME, wherever it comes from.  docs/DEPENDENCIES.md
# says why each was chosen.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

if(ENTENTE_DEPS STREQUAL "cache")
    if(NOT ENTENTE_DEPS_PREFIX)
        execute_process(COMMAND ${CMAKE_SOURCE_DIR}/scripts/dependencies.sh
            OUTPUT_VARIABLE ENTENTE_DEPS_PREFIX
            OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
        if(failed)
            message(FATAL_ERROR "scripts/dependencies.sh failed")
        endif()
    endif()
    set(only PATHS ${ENTENTE_DEPS_PREFIX}/lib NO_DEFAULT_PATH)
    set(includes ${ENTENTE_DEPS_PREFIX}/include)
    set(static .a)
elseif(ENTENTE_DEPS STREQUAL "system")
    set(only "")
    set(includes "")
    set(static "")
else()
    message(FATAL_ERROR "ENTENTE_DEPS: cache or system")
endif()

function(entente_dependency name)
    add_library(deps::${name} INTERFACE IMPORTED)
    if(includes)
        target_include_directories(deps::${name} SYSTEM INTERFACE ${includes})
    endif()
    foreach(library ${ARGN})
        string(MAKE_C_IDENTIFIER "LIBRARY_${library}" found)
        find_library(${found} NAMES lib${library}${static} ${library} ${only}
                     NO_CACHE REQUIRED)
        target_link_libraries(deps::${name} INTERFACE ${${found}})
    endforeach()
endfunction()

entente_dependency(mbedtls mbedtls mbedx509 mbedcrypto)
entente_dependency(sodium sodium)
# Optional, x86-64 only: AES-GCM on processors with VAES (crypto/aead_ipsec.c).
find_path(IPSEC_MB_INCLUDE intel-ipsec-mb.h)
find_library(IPSEC_MB_LIBRARY IPSec_MB)
if(ENTENTE_IPSEC_MB AND IPSEC_MB_INCLUDE AND IPSEC_MB_LIBRARY)
    add_library(deps::ipsec_mb INTERFACE IMPORTED)
    target_link_libraries(deps::ipsec_mb INTERFACE ${IPSEC_MB_LIBRARY})
    target_compile_definitions(deps::ipsec_mb INTERFACE ENTENTE_IPSEC_MB)
endif()
entente_dependency(event event_extra event_core event_pthreads)

# The distribution's are recent enough for these.
function(entente_package name module)
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
    add_library(deps::${name} INTERFACE IMPORTED)
    target_link_libraries(deps::${name} INTERFACE PkgConfig::${name})
endfunction()

entente_package(yaml yaml-0.1)
entente_package(jansson jansson)
entente_package(cares libcares)
entente_package(avahi avahi-core)
# Debian's ZooKeeper client comes without a .pc file; the single-threaded one.
find_path(ZOOKEEPER_INCLUDE zookeeper/zookeeper.h REQUIRED)
find_library(ZOOKEEPER_LIBRARY zookeeper_st REQUIRED)
add_library(deps::zookeeper INTERFACE IMPORTED)
target_link_libraries(deps::zookeeper INTERFACE ${ZOOKEEPER_LIBRARY})
target_include_directories(deps::zookeeper SYSTEM INTERFACE ${ZOOKEEPER_INCLUDE})
if(ENTENTE_TESTS)
    entente_package(cmocka cmocka)
endif()
