# Tests.  A file's place says what it is:
#   unit/DIR/x_test.c        one source file's behaviour; links src/DIR and the layers below
#   conformance/x_test.c     against references and vectors
#   sim/x_test.c             the scheduler from a seed, with invariants
#   fault/x_test.c           the n-th allocation or read fails
#   kernels/kernels.c        every kernel of this machine against compute/cpu/ref
#   fuzz/x_fuzz.c            one untrusted entrance each; corpus in fuzz/corpus/x
#   e2e/*.sh                 the real binary
# ctest labels: unit conformance sim fault kernels fuzz e2e, and `slow` for what only
# `make test-all` runs.
find_package(Python3 COMPONENTS Interpreter)
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
if(NOT CMOCKA_FOUND)
  message(STATUS "cmocka is not installed: no tests are built")
  return()
endif()
enable_testing()

function(hl_test label source)
  file(RELATIVE_PATH rel ${CMAKE_SOURCE_DIR}/tests ${source})
  string(REGEX REPLACE "(_test)?\\.c$" "" name ${rel})
  string(REPLACE "/" "-" target ${name})
  add_executable(test-${target} ${source})
  target_include_directories(test-${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(test-${target} PRIVATE PkgConfig::CMOCKA ${ARGN})
  add_test(NAME ${name} COMMAND test-${target} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 600)
endfunction()

foreach(dir base config gguf text model compute engine serve cli)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${dir}/*_test.c)
  foreach(source ${sources})
    hl_test(unit ${source} hl_${dir})
  endforeach()
endforeach()
foreach(label conformance sim fault)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${label}/*_test.c)
  foreach(source ${sources})
    hl_test(${label} ${source} hl_cli)
  endforeach()
endforeach()
if(EXISTS ${CMAKE_SOURCE_DIR}/tests/kernels/kernels.c)
  add_executable(test-kernels tests/kernels/kernels.c)
  target_link_libraries(test-kernels PRIVATE hl_compute)
  add_test(NAME kernels COMMAND test-kernels)
  set_tests_properties(kernels PROPERTIES LABELS kernels TIMEOUT 600)
endif()

if(HL_FUZZ)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.c)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    string(REPLACE "_fuzz" "" name ${name})
    add_executable(fuzz-${name} ${source})
    target_link_libraries(fuzz-${name} PRIVATE hl_cli -fsanitize=fuzzer)
    # The corpus in the tree is read, never written; HL_FUZZ_SECONDS is set by the Makefile.
    add_test(NAME fuzz/${name} COMMAND ${CMAKE_SOURCE_DIR}/tests/fuzz/run.sh
             $<TARGET_FILE:fuzz-${name}> ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(fuzz/${name} PROPERTIES LABELS fuzz TIMEOUT 3600)
  endforeach()
endif()

file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/e2e/*.sh)
foreach(script ${scripts})
  get_filename_component(name ${script} NAME_WE)
  add_test(NAME e2e/${name} COMMAND bash ${script} $<TARGET_FILE:hyperllama>
           WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(e2e/${name} PROPERTIES LABELS e2e TIMEOUT 600 SKIP_RETURN_CODE 77)
endforeach()

include(${CMAKE_SOURCE_DIR}/tests/slow.cmake OPTIONAL)
