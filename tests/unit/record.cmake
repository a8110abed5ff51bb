# SPDX-License-Identifier: MIT
# The suites of record/.
unit(test_ring RACE record/test_ring.c LINK pyrec_collect Threads::Threads)
unit(test_marks RACE record/test_marks.c LINK pyrec_collect Threads::Threads)

unit(test_linetable record/test_linetable.c LINK pyrec_collect)
target_compile_definitions(test_linetable PRIVATE
  VECTORS="${CMAKE_CURRENT_SOURCE_DIR}/record/linetable_vectors.txt")
foreach(line IN LISTS interpreters)
  separate_arguments(words UNIX_COMMAND "${line}")
  list(GET words 0 version)
  list(GET words 1 python)
  add_test(NAME unit.linetable_live.${version}
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/record/linetable_live.sh $<TARGET_FILE:test_linetable> ${python})
  set_tests_properties(unit.linetable_live.${version} PROPERTIES LABELS "unit" TIMEOUT 300)
endforeach()
unit(test_utf8 record/test_utf8.c LINK pyrec_collect)
unit(test_outside record/test_outside.c support/fake_interp.c LINK pyrec_dump)
unit(test_still record/test_still.c LINK pyrec_dump)
unit(test_intern record/test_intern.c LINK pyrec_collect)
unit(test_codebook record/test_codebook.c LINK pyrec_collect)

add_library(test_record STATIC support/fake_agent.c support/readback.c)
target_link_libraries(test_record PUBLIC pyrec_collect test_scratch)
unit(test_process record/test_process.c LINK test_record)
unit(test_tracefile record/test_tracefile.c LINK test_record)
unit(test_event record/test_event.c LINK test_record)
target_compile_definitions(test_event PRIVATE PYANALYZE="$<TARGET_FILE:pyanalyze>")
add_dependencies(test_event pyanalyze)

# pyrec beside a library that does nothing, and a program that plays the agent's part itself. The
# program is built without sanitizers, which do not like to be second in LD_PRELOAD.
set(stage ${CMAKE_CURRENT_BINARY_DIR}/stage)
add_library(quiet_library SHARED support/quiet_library.c)
target_link_libraries(quiet_library PRIVATE pyrec_options)
set_target_properties(quiet_library PROPERTIES OUTPUT_NAME pyrec LIBRARY_OUTPUT_DIRECTORY ${stage})
add_executable(fake_program support/fake_program.c support/fake_agent.c ../../record/wire/ring.c ../../record/decode/syscalls.c
  ../../record/base/clocks.c ../../record/base/elf_image.c)
target_link_libraries(fake_program PRIVATE pyrec_options)
set_target_properties(fake_program PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${stage})
add_custom_command(OUTPUT ${stage}/pyrec
  COMMAND ${CMAKE_COMMAND} -E copy $<TARGET_FILE:pyrec> ${stage}/pyrec
  DEPENDS pyrec)
add_custom_target(staged_pyrec ALL DEPENDS ${stage}/pyrec)

add_library(test_run STATIC support/run_pyrec.c)
target_link_libraries(test_run PUBLIC test_record)
target_compile_definitions(test_run PRIVATE STAGE="${stage}")
add_dependencies(test_run staged_pyrec quiet_library fake_program)
unit(test_session record/test_session.c LINK test_run)
unit(test_signals record/test_signals.c LINK test_run util)
unit(test_settings record/test_settings.c LINK pyrec_collect)
target_compile_definitions(test_settings PRIVATE MANUAL="${PROJECT_SOURCE_DIR}/record/pyrec.1")
unit(test_natives RACE record/test_natives.c LINK pyrec_collect Threads::Threads)
unit(test_hostile record/test_hostile.c LINK test_record)
unit(test_lobby RACE record/test_lobby.c LINK test_record)
set(agent ${PROJECT_SOURCE_DIR}/record/agent)
unit(test_door record/test_door.c ${agent}/channel/reach.c ${agent}/channel/notice.c ${agent}/base/proc_read.c
  LINK test_record Threads::Threads)

# Programs that are taken for a Python, in all the ways in which one may not be looked into.
unit(test_regard regard/test_regard.c LINK pyrec_collect test_scratch)
add_executable(like_python regard/like_python.c)
target_link_libraries(like_python PRIVATE pyrec_options)
set_target_properties(like_python PROPERTIES ENABLE_EXPORTS TRUE)
add_dependencies(test_regard like_python)
target_compile_definitions(test_regard PRIVATE LIKE_PYTHON="$<TARGET_FILE:like_python>")
find_program(musl_gcc musl-gcc)
if(musl_gcc)
  set(like ${CMAKE_CURRENT_BINARY_DIR}/like_python_musl)
  add_custom_command(OUTPUT ${like}
    COMMAND ${musl_gcc} -D_GNU_SOURCE -idirafter /usr/include -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
      -I${PROJECT_SOURCE_DIR} -rdynamic -o ${like} ${CMAKE_CURRENT_SOURCE_DIR}/regard/like_python.c
    DEPENDS regard/like_python.c)
  add_custom_target(like_python_musl DEPENDS ${like})
  add_dependencies(test_regard like_python_musl)
  target_compile_definitions(test_regard PRIVATE LIKE_PYTHON_MUSL="${like}")
endif()
include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_LINK_OPTIONS -static)
check_c_source_compiles("int main(void) { return 0; }" PYREC_HAS_STATIC_LIBC)
unset(CMAKE_REQUIRED_LINK_OPTIONS)
if(PYREC_HAS_STATIC_LIBC)
  add_executable(like_python_static regard/like_python.c)
  target_link_libraries(like_python_static PRIVATE pyrec_options)
  target_link_options(like_python_static PRIVATE -static -no-pie)
  add_dependencies(test_regard like_python_static)
  target_compile_definitions(test_regard PRIVATE LIKE_PYTHON_STATIC="$<TARGET_FILE:like_python_static>")
endif()
if(PYREC_ATTACHES)
  unit(test_filter regard/test_filter.c LINK pyrec_collect)
endif()
unit(test_kin record/test_kin.c LINK pyrec_collect)
unit(test_examine record/test_examine.c LINK pyrec_collect test_scratch)
unit(test_suspect record/test_suspect.c LINK pyrec_collect test_scratch)

# A program that its compiler gives AddressSanitizer's library, where it can.
set(CMAKE_REQUIRED_FLAGS -fsanitize=address)
check_c_source_compiles("int main(void) { return 0; }" PYREC_HAS_ASAN)
unset(CMAKE_REQUIRED_FLAGS)
unit(test_target record/test_target.c LINK pyrec_collect test_scratch)
if(PYREC_HAS_ASAN)
  add_executable(sanitized_program support/sanitized_program.c)
  target_compile_options(sanitized_program PRIVATE -fsanitize=address)
  target_link_options(sanitized_program PRIVATE -fsanitize=address)
  target_compile_definitions(test_target PRIVATE SANITIZED="$<TARGET_FILE:sanitized_program>")
  add_dependencies(test_target sanitized_program)
endif()
