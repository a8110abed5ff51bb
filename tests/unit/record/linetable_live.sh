#!/bin/sh
# SPDX-License-Identifier: MIT
# Compare linetable.c with an interpreter's own: linetable_live.sh TEST_LINETABLE PYTHON
here=$(dirname "$0")
"$2" "$here/linetable_vectors.py" | "$1" --stdin || exit 1
# columns can be left out from 3.11 on: one more kind of entry, which a few hundred tables have often
"$2" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || exit 0
"$2" -Xno_debug_ranges "$here/linetable_vectors.py" 300 | "$1" --stdin
