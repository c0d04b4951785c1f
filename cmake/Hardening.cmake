# SPDX-License-Identifier: MIT
# Warnings, and the compiler's and linker's defences (OpenSSF's guide).
# scripts/check_hardening.sh reads them back from the binary.
set(ENTENTE_WARNINGS
    -Wall -Wextra -Wformat=2 -Wconversion -Wsign-conversion
    -Wimplicit-fallthrough -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wpointer-arith -Wundef -Wvla -Wcast-qual -Wwrite-strings
    -Werror=format-security -Werror=implicit
    -Werror=incompatible-pointer-types -Werror=int-conversion
    -Werror=unused-result -Werror=switch)
if(ENTENTE_WERROR)
    list(APPEND ENTENTE_WARNINGS -Werror)
endif()

include(CheckCCompilerFlag)
function(entente_flag_if_known flag)
    string(MAKE_C_IDENTIFIER "HAVE${flag}" known)
    check_c_compiler_flag(${flag} ${known})
    if(${known})
        add_compile_options(${flag})
    endif()
endfunction()

# Asserts stay in: a broken invariant must stop the program, not go on.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g3 -fno-omit-frame-pointer")

add_compile_options(-fno-delete-null-pointer-checks -fno-strict-overflow
                    -fno-strict-aliasing -fno-common)
foreach(flag -ftrivial-auto-var-init=zero -fstrict-flex-arrays=3
        -fzero-init-padding-bits=all -Wtrampolines -Wbidi-chars=any)
    entente_flag_if_known(${flag})
endforeach()

if(ENTENTE_SANITIZE STREQUAL "")
    add_compile_options(-fstack-protector-strong -fstack-clash-protection)
    if(CMAKE_BUILD_TYPE STREQUAL "Release")
        add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    endif()
    if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
        entente_flag_if_known(-fcf-protection=full)
    elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
        entente_flag_if_known(-mbranch-protection=standard)
    endif()
elseif(ENTENTE_SANITIZE STREQUAL "address")
    set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(ENTENTE_SANITIZE STREQUAL "thread")
    set(sanitize -fsanitize=thread)
elseif(ENTENTE_SANITIZE STREQUAL "fuzzer")
    set(sanitize -fsanitize=address,undefined,fuzzer-no-link
                 -fno-sanitize-recover=all)
else()
    message(FATAL_ERROR "ENTENTE_SANITIZE: address, thread, fuzzer or empty")
endif()
add_compile_options(${sanitize})
add_link_options(${sanitize})
if(ENTENTE_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()

include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
add_link_options(-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
    -Wl,-z,nodlopen -Wl,--as-needed -Wl,--no-copy-dt-needed-entries)
