# SPDX-License-Identifier: MIT
# What shells load to complete a program's command lines: install_completions(PROGRAM WORD)
# runs `PROGRAM WORD SHELL` for each shell when it is built, and installs what that prints. So a build for another
# machine wants something here that runs its programs: CMAKE_CROSSCOMPILING_EMULATOR, or the kernel (binfmt_misc).
function(install_completions program word)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/completion)
  foreach(shell bash zsh fish)
    set(script ${folder}/${program}.${shell})
    add_custom_command(OUTPUT ${script}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
      COMMAND ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:${program}> ${word} ${shell} > ${script}
      DEPENDS ${program} VERBATIM)
    list(APPEND scripts ${script})
  endforeach()
  add_custom_target(completions_${program} ALL DEPENDS ${scripts})
  install(FILES ${folder}/${program}.bash
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ${program} COMPONENT completions)
  install(FILES ${folder}/${program}.zsh
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _${program} COMPONENT completions)
  install(FILES ${folder}/${program}.fish
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT completions)
endfunction()
