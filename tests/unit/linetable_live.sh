#!/bin/sh
# SPDX-License-Identifier: MIT
# Compare linetable.c with every interpreter that is found: linetable_live.sh TEST_LINETABLE
# Exits with 77 (skipped) when there is none at all.
here=$(dirname "$0")
found=0
failed=0
for python in /usr/bin/python3 "$HOME"/.pyenv/versions/3.*/bin/python3; do
    [ -x "$python" ] || continue
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' || continue
    for option in "" "-Xno_debug_ranges"; do
        found=$((found + 1))
        printf '%s %s: ' "$python" "$option"
        "$python" $option "$here/linetable_vectors.py" | "$1" --stdin || failed=1
    done
done
[ "$found" -gt 0 ] || exit 77
exit "$failed"
