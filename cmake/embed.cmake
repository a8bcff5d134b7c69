# hl_embed(OUT PREFIX files…): OUT becomes a header that has each file as PREFIXname, an
# initializer of an hl_str; '.' and '-' in names become '_'.
function(hl_embed out prefix)
  set(text "/* Generated from the files it names; not to be edited. */\n#pragma once\n\n")
  foreach(path ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    get_filename_component(name ${path} NAME)
    string(MAKE_C_IDENTIFIER ${name} symbol)
    file(READ ${path} hex HEX)
    string(LENGTH "${hex}" digits)
    math(EXPR size "${digits} / 2")
    string(REGEX REPLACE "(................................)" "\\1\n" lines "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${lines}")
    string(APPEND text "static const unsigned char ${symbol}_bytes[] = {\n${bytes}0};\n"
           "#define ${prefix}${symbol} {(const char *)${symbol}_bytes, ${size}}\n\n")
  endforeach()
  file(CONFIGURE OUTPUT ${out} CONTENT "${text}" @ONLY)
endfunction()
