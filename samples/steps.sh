# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Steps that say what they do, and which of them failed. To be sourced.
#
#     step "building (about a minute)" build/build.log cmake --build build
#
# prints the words and runs the command, whose output goes into the log. When it fails, the last
# lines of the log are shown, and the script ends with the command's status.

step() {
    step_words=$1
    step_log=$2
    shift 2
    mkdir -p "$(dirname "$step_log")"
    echo "$step_words .."
    step_status=0
    "$@" >"$step_log" 2>&1 || step_status=$?
    [ "$step_status" -ne 0 ] || return 0
    tail -n 30 "$step_log" >&2
    echo "$0: failed with status $step_status: $step_words. All of it: $step_log" >&2
    exit "$step_status"
}

# Build directories that are new are for Ninja, where it is there: it sees in no time that all is built.
# One that is there keeps what it was configured for.
prefer_ninja() {
    ! command -v ninja >/dev/null || export CMAKE_GENERATOR="${CMAKE_GENERATOR:-Ninja}"
}
