# Tests.  A file's place says what it is:
#   unit/DIR/x_test.c        one source file's behaviour; links src/DIR and the layers below
#   conformance/x_test.c     against references and vectors
#   sim/x_test.c             the scheduler or the store from a seed, with invariants
#   fault/x_test.c           the n-th allocation or read fails; processes race and are killed
#   kernels/*.c              one program: every kernel of this machine against compute/cpu/ref
#   fuzz/x_fuzz.c            one untrusted entrance each; corpus in fuzz/corpus/x
#   tools/x_test.py          the checkers in tools/
#   bench/x_bench.c          timings that tools/bench_x.py runs; no tests
#   e2e/*.sh                 the real binary; exit code 77 = skipped, with the reason printed
# ctest labels: unit conformance sim fault kernels fuzz e2e, and `slow` for what only
# `make test-all` runs (slow.cmake).
#
# A build with sanitizers has the tiers that run C code of ours, not tools and e2e.
find_package(Python3 COMPONENTS Interpreter)
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
pkg_check_modules(PCRE2 IMPORTED_TARGET libpcre2-8)
if(NOT CMOCKA_FOUND OR NOT PCRE2_FOUND)
  message(STATUS "cmocka or PCRE2 is not installed: no tests are built (tools/setup.sh test)")
  return()
endif()
enable_testing()

# hl_add_test(NAME label command…)
function(hl_add_test name label)
  set(name ${HL_TEST_PREFIX}${name})
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 2400 SKIP_RETURN_CODE 77)
  if(HL_SANITIZE)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT
      "ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=1;UBSAN_OPTIONS=print_stacktrace=1")
  endif()
endfunction()

# hl_test(label source libraries…)
function(hl_test label source)
  file(RELATIVE_PATH rel ${CMAKE_SOURCE_DIR}/tests ${source})
  string(REGEX REPLACE "(_test)?\\.c$" "" name ${rel})
  string(REPLACE "/" "-" target test-${name})
  add_executable(${target} ${source})
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${target} PRIVATE PkgConfig::CMOCKA PkgConfig::PCRE2 ${ARGN})
  hl_add_test(${name} ${label} ${target})
endfunction()

foreach(dir base config http gguf text model store compute engine serve api bench cli)
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
# Functions that the simulation replaces to plant faults (sim/serve_faults.h).
foreach(name hl_assert_failed hl_kv_drop hl__resident_is_quiet)
  target_link_options(test-sim-serve PRIVATE -Wl,--wrap=${name})
endforeach()
# The system calls of base/, on a disk in memory (sim/store_calls.h), and faults (store_faults.h).
# The …_chk are what _FORTIFY_SOURCE, some compilers' default, makes of them.
foreach(name open close read pread write pwrite ftruncate fsync mmap stat fstat statvfs utimensat
        rename link unlink mkdir rmdir opendir readdir closedir flock realpath ioctl
        __read_chk __pread_chk __realpath_chk hl_clock_wall_ns
        hl__store_prune hl__store_walk hl__store_sync_names hl_dir_sync_parent hl_store_blob_path
        hl_file_touch)
  target_link_options(test-sim-store PRIVATE -Wl,--wrap=${name})
  target_link_options(test-sim-store_sweep PRIVATE -Wl,--wrap=${name})
endforeach()
if(EXISTS ${CMAKE_SOURCE_DIR}/tests/kernels/kernels.c)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/kernels/*.c)
  add_executable(test-kernels ${sources})
  target_link_libraries(test-kernels PRIVATE hl_compute)
  hl_add_test(kernels kernels test-kernels)
endif()

# Run by tools/bench_tokenizer.py, which has it built.
add_executable(tokenizer-bench EXCLUDE_FROM_ALL tests/bench/tokenizer_bench.c)
target_link_libraries(tokenizer-bench PRIVATE hl_text)

if(HL_FUZZ)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.c)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" name ${name})
    add_executable(fuzz-${name} ${source})
    target_include_directories(fuzz-${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_link_libraries(fuzz-${name} PRIVATE hl_cli -fsanitize=fuzzer)
    # The corpus in the tree is read, never written; HL_FUZZ_SECONDS is set by the Makefile.
    hl_add_test(fuzz/${name} fuzz ${CMAKE_SOURCE_DIR}/tests/fuzz/run.sh
                $<TARGET_FILE:fuzz-${name}> ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  endforeach()
endif()

if(NOT HL_SANITIZE)
  file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/tools/*_test.py)
  foreach(script ${scripts})
    get_filename_component(name ${script} NAME_WE)
    hl_add_test(tools/${name} unit ${Python3_EXECUTABLE} ${script})
  endforeach()
  file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/e2e/*.sh)
  list(FILTER scripts EXCLUDE REGEX "/lib\\.sh$")
  foreach(script ${scripts})
    get_filename_component(name ${script} NAME_WE)
    hl_add_test(e2e/${name} e2e bash ${script} $<TARGET_FILE:hyperllama>)
  endforeach()
  hl_add_test(conformance/recorded conformance ${Python3_EXECUTABLE}
              ${CMAKE_SOURCE_DIR}/tests/conformance/replay_recorded.py $<TARGET_FILE:hyperllama>)
  include(${CMAKE_SOURCE_DIR}/tests/slow.cmake)
endif()
