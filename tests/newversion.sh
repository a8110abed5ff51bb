#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What a version of CPython changes for pyrec: its offsets, from its own headers, beside the tables in
# record/agent/cpython/pyver/, and what comes of its _Py_DebugOffsets.
#
# usage: newversion.sh [--write] INTERPRETER | INCLUDE_DIRECTORY | SOURCE_TREE [BUILD_TREE]
#
# INTERPRETER needs the headers that it was installed with; SOURCE_TREE must be configured, there or in
# BUILD_TREE; only from a source tree the fields of asyncio's tasks are known. --write makes the table of a
# version that there is none for.
#
# Exit 0: there is a table and all is as it says; 1: something differs, or there is no table; 77: no headers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
write=
if [ "${1:-}" = --write ]; then
    write=--write
    shift
fi
of=${1:?usage: newversion.sh [--write] INTERPRETER | INCLUDE_DIRECTORY | SOURCE_TREE [BUILD_TREE]}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

words=
sources=
if [ -f "$of" ] && [ -x "$of" ]; then
    folders=$("$of" -c 'import sysconfig as s; print(s.get_path("include"), s.get_path("platinclude"))')
    words=$of
elif [ -d "$of/Include/internal" ]; then
    folders="$of/Include ${2:-$of}"
    sources=$of/Modules
else
    folders=$of
fi
options=-w
for folder in $folders; do
    options="$options -I$folder -I$folder/internal"
    for beside in "$folder/.." "$folder"/../*-linux-gnu; do # where Debian has what differs by machine
        [ ! -d "$beside" ] || options="$options -I$beside"
    done
done
# shellcheck disable=SC2086
if ! ${CC:-cc} $options -o "$work/probe" "$here/newversion/probe.c" 2>"$work/errors"; then
    if grep -q 'Python.h: No such file\|internal/pycore_pystate.h: No such file' "$work/errors"; then
        echo "newversion: no headers of $of here" >&2
        exit 77
    fi
    cat "$work/errors" >&2
    echo "newversion: its headers name things otherwise than tests/newversion/probe.c" >&2
    exit 1
fi
"$work/probe" >"$work/found"
# shellcheck disable=SC2086
if [ -n "$sources" ]; then
    ${CC:-cc} $options "-I$sources" -S -o "$work/tasks.s" "$here/newversion/tasks.c"
    sed -n 's/^-> \([a-z]*\.[a-z]* \)[$#]\?\([0-9]*\)$/\1\2/p' "$work/tasks.s" >>"$work/found"
fi
if [ -n "$words" ] && ! grep -q '^word ' "$work/found"; then # 3.13 says it in no header
    "$words" "$here/newversion/words.py" >>"$work/found" || :
fi
python3 "$here/newversion/compare.py" $write "$work/found"
