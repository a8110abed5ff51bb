#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What recording costs: the same work with and without pyrec, in alternating pairs.
#
# usage: overhead.sh BUILD_DIR [--python PATH] [--pairs N] [--rates LIST] [CASE...]
#
# Prints a table in Markdown: median of the ratios of elapsed time and of the program's CPU time,
# with their quartiles, and what the recorder itself used. Wants a machine that does nothing else.
set -eu
exec python3 "$(dirname "$0")/overhead.py" "$@"
