#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Which interpreters the tests can run: one line each, "3.11.2 /path/to/python3", on stdout; what is
# missing is named on stderr.
#
# usage: interpreters.sh [--fetch] [--free-threaded] BUILD_DIR
#
# Looks at the system's python3 and at ~/.pyenv/versions. With --fetch, versions that are not
# there are taken from other Debian suites (the mirror that this machine's apt uses) and unpacked
# under BUILD_DIR/interpreters; nothing is installed. With --free-threaded, versions without a GIL
# are built there by tests/builds.sh, some minutes each. What that script has built, these and others, is
# found like all else; its version ends with how it was built: "3.14.7t". PYREC_INTERPRETERS, a list of
# paths, takes the place of all that.
set -u

fetch=no
free_threaded=no
while :; do
    case ${1:-} in
    --fetch) fetch=yes ;;
    --free-threaded) free_threaded=yes ;;
    *) break ;;
    esac
    shift
done
build=${1:?usage: interpreters.sh [--fetch] [--free-threaded] BUILD_DIR}
mkdir -p "$build"
root=$(cd "$build" && pwd)/interpreters
# shellcheck source=suites.sh
. "$(dirname "$0")/suites.sh"
wanted="3.8 3.9 3.10 3.11 3.12 3.13 3.14 3.15"

# minor version of a binary, without the micro: "3.11"
version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

# suite that has python3.X
suite_of() {
    case $1 in
    3.9) echo bullseye ;;
    3.13) echo trixie ;;
    3.14 | 3.15) echo sid ;;
    esac
}

# Unpack python3.X of a suite. The binary is told where its loader and libraries are, so that it
# starts by itself (sys.executable, subprocess, multiprocessing).
fetch_one() {
    version=$1
    suite=$(suite_of "$version")
    into=$root/python$version
    [ -x "$into/usr/bin/python$version" ] && return 0
    [ -n "$suite" ] && command -v apt-get >/dev/null && command -v patchelf >/dev/null || return 1
    suite_begin "$suite" || return 1
    mkdir -p "$into.part"
    packages="python$version-minimal libpython$version-minimal libpython$version-stdlib
        python$version libc6 libexpat1 zlib1g libssl3t64 libssl1.1 libffi8 libffi7 libbz2-1.0
        liblzma5 libsqlite3-0 libreadline8t64 libreadline8 libtinfo6 libncursesw6 libuuid1
        libmpdec4 libmpdec3 libzstd1 libcrypt1 libgcc-s1 libdb5.3t64 libdb5.3 libpython$version-testsuite"
    for package in $packages; do
        url=$(url_of "$suite" "$package")
        [ -n "$url" ] || continue
        suite_unpack "$suite" "$url" "$into.part" || [ $? -eq 1 ] || return 1
    done
    relocate "$into" "$version" || return 1
}

# The headers that it was built with, for tests/newversion.sh; without them that one is skipped.
fetch_headers() {
    into=$root/python$1
    [ -x "$into/usr/bin/python$1" ] && [ ! -e "$into/usr/include/python$1/internal" ] || return 0
    suite_begin "$(suite_of "$1")" || return 1
    url=$(url_of "$(suite_of "$1")" "libpython$1-dev")
    curl -sf -o "$root/headers.deb" "$url" || return 1
    dpkg-deb --fsys-tarfile "$root/headers.deb" | tar x -C "$into" ./usr/include
    rm -f "$root/headers.deb"
}

# report PATH [KIND]: one line, with the micro version and how it was built, if not as usual
report() {
    "$1" -c 'import sys
print("%d.%d.%d%s" % (*sys.version_info[:3], sys.argv[2] or sys.abiflags), sys.argv[1])' "$1" "${2:-}"
}

if [ -n "${PYREC_INTERPRETERS:-}" ]; then
    for path in $PYREC_INTERPRETERS; do
        version_of "$path" >/dev/null && report "$path"
    done
    exit 0
fi

found=
for path in /usr/bin/python3 "${HOME:-/root}"/.pyenv/versions/3.*/bin/python3; do
    [ -x "$path" ] || continue
    version=$(version_of "$path") || continue
    case " $wanted " in *" $version "*) ;; *) continue ;; esac
    report "$path"
    found="$found $version"
done
for version in $wanted; do
    case " $found " in *" $version "*) continue ;; esac
    if [ $fetch = yes ]; then
        fetch_one "$version" >&2
        fetch_headers "$version" >&2
    fi
    path=$root/python$version/usr/bin/python$version
    if [ "$(version_of "$path")" = "$version" ]; then
        report "$path"
    else
        echo "interpreters: no python$version here, skipped" >&2
    fi
done
if [ $free_threaded = yes ]; then
    "$(dirname "$0")/builds.sh" "$build" 3.13t 3.14t
fi
for name in $("$(dirname "$0")/builds.sh" --names | grep -v '^#'); do
    path=$root/python$name/usr/bin/python$name
    [ ! -x "$path" ] || report "$path" "$(echo "$name" | sed 's/^[0-9.]*//')"
done
