# SPDX-License-Identifier: MIT
# The libraries of others, and how they are linked: as the system has them; or statically, all but
# glibc, into programs that are to run anywhere. Both are made of the same objects, in one tree:
#
#     target_link_libraries(T library::ZSTD)        whichever the program that T is in wants
#     add_static_program(pyrec SOURCE LIBRARY...)   pyrec_static: build/static/pyrec
#
# `static_programs` makes all of the latter, or says which package's archive is not there; a tree with
# tests makes them by itself. PYREC_STATIC=ON links all programs so.
option(PYREC_STATIC "link all libraries but glibc statically, for programs that are to run anywhere" OFF)
define_property(TARGET PROPERTY LINKS_STATIC BRIEF_DOCS "libraries of others are linked statically")
set(without_archive)

# add_library_of(PREFIX PACKAGE): library::PREFIX for PkgConfig::PREFIX, which PACKAGE of Debian's has.
function(add_library_of prefix package)
  set(archives)
  foreach(name IN LISTS ${prefix}_LIBRARIES)
    find_library(ARCHIVE_${name} NAMES lib${name}.a HINTS ${${prefix}_LIBRARY_DIRS} ${${prefix}_LIBDIR})
    mark_as_advanced(ARCHIVE_${name})
    if(NOT ARCHIVE_${name})
      list(APPEND without_archive ${package})
      set(without_archive ${without_archive} PARENT_SCOPE)
    endif()
    list(APPEND archives ${ARCHIVE_${name}})
  endforeach()
  add_library(library_${prefix} INTERFACE)
  add_library(library::${prefix} ALIAS library_${prefix})
  set(static $<OR:$<BOOL:${PYREC_STATIC}>,$<BOOL:$<TARGET_PROPERTY:LINKS_STATIC>>>)
  target_include_directories(library_${prefix} INTERFACE ${${prefix}_INCLUDE_DIRS})
  target_compile_options(library_${prefix} INTERFACE ${${prefix}_CFLAGS_OTHER})
  target_link_libraries(library_${prefix} INTERFACE "$<IF:${static},${archives},PkgConfig::${prefix}>")
endfunction()

# add_static_program(NAME SOURCE LIBRARY...)
function(add_static_program name source)
  if(NOT TARGET static_programs)
    add_custom_target(static_programs)
  endif()
  if(without_archive)
    list(REMOVE_DUPLICATES without_archive)
    list(JOIN without_archive " " packages)
    if(PYREC_STATIC)
      message(FATAL_ERROR "to link statically, archives are missing that these packages of Debian's hold: ${packages}")
    endif()
    add_custom_target(${name}_static VERBATIM
      COMMAND ${CMAKE_COMMAND} -E echo "no archives to link ${name} statically: ${packages}"
      COMMAND ${CMAKE_COMMAND} -E false)
    add_dependencies(static_programs ${name}_static)
    return()
  endif()
  set(all EXCLUDE_FROM_ALL)
  if(BUILD_TESTING AND NOT PYREC_SANITIZE)
    set(all)
  endif()
  add_executable(${name}_static ${all} ${source})
  set_target_properties(${name}_static PROPERTIES LINKS_STATIC ON OUTPUT_NAME ${name}
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/static)
  target_link_libraries(${name}_static PRIVATE ${ARGN})
  add_dependencies(static_programs ${name}_static)
  install(TARGETS ${name}_static RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT static EXCLUDE_FROM_ALL)
endfunction()
