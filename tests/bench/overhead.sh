#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What recording costs: the same work with and without pyrec, in alternating pairs.
#
# usage: overhead.sh BUILD_DIR [--python PATH] [--pairs N] [--rates LIST] [--floor] [CASE...]
#
# Prints a table in Markdown: median of the ratios of elapsed time and of the program's CPU time,
# with their quartiles, and what the recorder itself used. --floor: beside it, what the same work
# loses to a thread in it that does nothing but wake up at that rate. Wants a machine that does
# nothing else.
set -eu
exec python3 "$(dirname "$0")/overhead.py" "$@"
