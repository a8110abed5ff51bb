#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Get the profilers that pyrec is measured beside. One line each on stdout, with tabs between:
#
#     NAME  PYTHON  PROGRAM        PYTHON runs the measured program, PROGRAM is the profiler
#     NAME  -       why it is missing
#
# usage: rivals.sh [--fetch] BUILD_DIR
#
# cProfile and yappi are those of the system's python3. With --fetch the others are taken from
# Debian sid and unpacked under BUILD_DIR/rivals, with an interpreter of that suite, as their
# compiled modules need one. Nothing is installed.
set -u

fetch=no
if [ "${1:-}" = --fetch ]; then
    fetch=yes
    shift
fi
build=$(cd "${1:?usage: rivals.sh [--fetch] BUILD_DIR}" && pwd) || exit 1
here=$(cd "$(dirname "$0")" && pwd)
root=$build/rivals
suite=sid
python=${PYREC_BENCH_PYTHON:-/usr/bin/python3}
# shellcheck source=../suites.sh
. "$here/../suites.sh"

found() { printf '%s\t%s\t%s\n' "$1" "$2" "$3"; }
missing() { printf '%s\t-\t%s\n' "$1" "$2"; }

# Austin reads the memory of any interpreter: its program and the libraries of its suite suffice.
fetch_austin() {
    rm -rf "$root/austin.part"
    mkdir -p "$root/austin.part"
    for package in austin libc6 libsframe3 libunwind8 libzstd1 zlib1g liblzma5 libgcc-s1; do
        url=$(url_of "$suite" "$package")
        [ -z "$url" ] || suite_unpack "$suite" "$url" "$root/austin.part" || return 1
    done
    relocate_binary "$root/austin.part/usr/bin/austin" "$root/austin" "$root/austin.part" ||
        return 1
    mv "$root/austin.part" "$root/austin"
}

# Packages of Python modules, everything that they depend on, and that suite's python3.
fetch_modules() {
    rm -rf "$root/modules.part"
    mkdir -p "$root/modules.part"
    for package in "$@"; do
        urls_with_all "$suite" "$package"
    done | sort -u >"$root/urls"
    [ -s "$root/urls" ] || return 1
    while read -r url; do
        suite_unpack "$suite" "$url" "$root/modules.part" || return 1
    done <"$root/urls"
    version=$(readlink "$root/modules.part/usr/bin/python3" | sed 's/^python//')
    relocate "$root/modules" "$version"
}

if [ "$fetch" = yes ]; then
    mkdir -p "$root"
    if command -v patchelf >/dev/null && command -v curl >/dev/null && suite_begin "$suite"; then
        [ -x "$root/austin/usr/bin/austin" ] || fetch_austin
        [ -e "$root/modules/usr/bin/python3" ] ||
            fetch_modules python3-pyinstrument python3-scalene python3-memray python3-yappi
    fi
    "$here/../interpreters.sh" --fetch "$build" >/dev/null 2>&1
fi

found cProfile "$python" cProfile
if "$python" -c 'import yappi' 2>/dev/null; then
    found yappi "$python" yappi
else
    missing yappi "no module yappi in $python (package python3-yappi)"
fi
if "$root/austin/usr/bin/austin" --version >/dev/null 2>&1; then
    found austin "$python" "$root/austin/usr/bin/austin"
else
    missing austin "package austin of Debian $suite was not fetched or does not start"
fi
if command -v py-spy >/dev/null; then
    found py-spy "$python" "$(command -v py-spy)"
else
    missing py-spy "it is not on PATH, and Debian has no package of it"
fi
modules=$root/modules/usr/bin/python3
for name in pyinstrument scalene memray; do
    if "$modules" -c "import $name" 2>/dev/null; then
        found "$name" "$modules" "$name"
    else
        missing "$name" "package python3-$name of Debian $suite was not fetched or does not load"
    fi
done
sampling=$("$here/../interpreters.sh" "$build" 2>/dev/null | sed -n 's/^3\.15[^ ]* //p')
if [ -n "$sampling" ] && "$sampling" -c 'import profiling.sampling' 2>/dev/null; then
    found profiling.sampling "$sampling" profiling.sampling
else
    missing profiling.sampling "there is no python3.15 (tests/interpreters.sh --fetch)"
fi
