# SPDX-License-Identifier: MIT
# The suites of record/.
unit(test_ring test_ring.c LINK pyrec_collect Threads::Threads)

unit(test_linetable test_linetable.c LINK pyrec_collect)
target_compile_definitions(test_linetable PRIVATE
  VECTORS="${CMAKE_CURRENT_SOURCE_DIR}/linetable_vectors.txt")
add_test(NAME unit.linetable_live
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/linetable_live.sh $<TARGET_FILE:test_linetable>)
set_tests_properties(unit.linetable_live PROPERTIES LABELS "unit" SKIP_RETURN_CODE 77 TIMEOUT 300)
unit(test_utf8 test_utf8.c LINK pyrec_collect)
unit(test_intern test_intern.c LINK pyrec_collect)
unit(test_codebook test_codebook.c LINK pyrec_collect)
