# SPDX-License-Identifier: MIT
# `cpack` in a tree that was built: pyrec-VERSION-linux-MACHINE.tar.gz, to be unpacked into any folder.
# Built with PYREC_STATIC=ON it runs on any machine whose glibc is not older. Debian's packages are in
# debian/, the wheel is python/build-wheel.sh's.
#
# Read a second time by cpack itself, when all is staged: then every file gets the time
# SOURCE_DATE_EPOCH, where that is set, so that the same files give the same bytes.
if(CPACK_TEMPORARY_INSTALL_DIRECTORY)
  if(DEFINED ENV{SOURCE_DATE_EPOCH})
    execute_process(COMMAND find ${CPACK_TEMPORARY_INSTALL_DIRECTORY} -exec
      touch -h -d @$ENV{SOURCE_DATE_EPOCH} {} + COMMAND_ERROR_IS_FATAL ANY)
  endif()
  return()
endif()

set(CPACK_GENERATOR TGZ)
set(CPACK_SOURCE_GENERATOR TGZ)
set(CPACK_PACKAGE_NAME pyrec)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
string(TOLOWER "pyrec-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}" CPACK_PACKAGE_FILE_NAME)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_FILE})
include(CPack)
