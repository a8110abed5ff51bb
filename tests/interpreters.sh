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
# are built there from Debian's sources, some minutes each; once built they are found like all others,
# their version ends with a "t". PYREC_INTERPRETERS, a list of paths, takes the place of all that.
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

# Build python3.Xt of a suite's source package, without a GIL, its own test suite and documentation.
build_free_threaded() {
    version=$1
    into=$root/python${version}t
    [ -x "$into/usr/bin/python${version}t" ] && return 0
    suite_begin "$(suite_of "$version")" || return 1
    sources=$root/source-$version
    rm -rf "$sources" && mkdir -p "$sources"
    for url in $(source_urls "$(suite_of "$version")" "python$version"); do
        case $url in *.orig.tar.xz) ;; *) continue ;; esac
        curl -sf "$url" | tar xJ -C "$sources" --strip-components=1 || return 1
    done
    [ -x "$sources/configure" ] || return 1
    (
        cd "$sources" || exit 1
        exec >"$root/python${version}t.log" 2>&1
        ./configure --disable-gil --prefix="$into/usr" --disable-test-modules --without-ensurepip &&
            make -s -j "$(nproc)" && make -s altinstall
    ) || {
        echo "interpreters: python${version}t could not be built: $root/python${version}t.log" >&2
        return 1
    }
    rm -rf "$sources"
}

# one line, with the micro version
report() {
    "$1" -c 'import sys; print("%d.%d.%d%s" % (*sys.version_info[:3], sys.abiflags), sys.argv[1])' "$1"
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
for version in 3.13 3.14; do
    path=$root/python${version}t/usr/bin/python${version}t
    if [ $free_threaded = yes ]; then
        build_free_threaded "$version" >&2
        [ -x "$path" ] || echo "interpreters: no python${version}t here, skipped" >&2
    fi
    [ ! -x "$path" ] || report "$path"
done
