#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Which interpreters the tests can run: one line each, "3.11.2 /path/to/python3", on stdout; what is
# missing is named on stderr.
#
# usage: interpreters.sh [--fetch] BUILD_DIR
#
# Looks at the system's python3 and at ~/.pyenv/versions. With --fetch, versions that are not
# there are taken from other Debian suites (the mirror that this machine's apt uses) and unpacked
# under BUILD_DIR/interpreters; nothing is installed. PYREC_INTERPRETERS, a list of paths, takes
# the place of all that.
set -u

fetch=no
if [ "${1:-}" = --fetch ]; then
    fetch=yes
    shift
fi
build=${1:?usage: interpreters.sh [--fetch] BUILD_DIR}
mkdir -p "$build"
root=$(cd "$build" && pwd)/interpreters
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

mirror() {
    sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\(http[^ ]*\) .*/\2/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list \
        2>/dev/null | grep '/debian/\?$' | head -n 1
}

# apt with lists and archives of its own, for one suite
apt_for() {
    suite=$1
    shift
    apt-get -qq \
        -o Dir::Etc::SourceList="$root/$suite/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$root/$suite/lists" -o Dir::Cache="$root/$suite/cache" \
        -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none \
        -o APT::Architecture="$(dpkg --print-architecture)" "$@"
}

# the newest file of a package and its URL
url_of() {
    apt_for "$1" --print-uris download "$2" 2>/dev/null | sed -n "s/^'\([^']*\)'.*/\1/p"
}

# Unpack python3.X of a suite. The binary is told where its loader and libraries are, so that it
# starts by itself (sys.executable, subprocess, multiprocessing).
fetch_one() {
    version=$1
    suite=$(suite_of "$version")
    into=$root/python$version
    [ -x "$into/usr/bin/python$version" ] && return 0
    [ -n "$suite" ] && command -v apt-get >/dev/null && command -v patchelf >/dev/null || return 1
    mkdir -p "$root/$suite/lists/partial" "$root/$suite/cache/archives/partial" "$into.part"
    echo "deb [trusted=yes] $(mirror) $suite main" >"$root/$suite/sources.list"
    [ -e "$root/$suite/updated" ] || apt_for "$suite" update 2>/dev/null || return 1
    touch "$root/$suite/updated"
    packages="python$version-minimal libpython$version-minimal libpython$version-stdlib
        python$version libc6 libexpat1 zlib1g libssl3t64 libssl1.1 libffi8 libffi7 libbz2-1.0
        liblzma5 libsqlite3-0 libreadline8t64 libreadline8 libtinfo6 libncursesw6 libuuid1
        libmpdec4 libmpdec3 libzstd1 libcrypt1 libgcc-s1 libdb5.3t64 libdb5.3 libpython$version-testsuite"
    for package in $packages; do
        url=$(url_of "$suite" "$package")
        [ -n "$url" ] || continue
        (cd "$root/$suite/cache" && curl -sfO "$url") || continue
        dpkg-deb -x "$root/$suite/cache/$(basename "$url")" "$into.part" || return 1
        rm -f "$root/$suite/cache/$(basename "$url")"
    done
    relocate "$into" "$version" || return 1
}

relocate() {
    part=$1.part
    binary=$part/usr/bin/python$2
    [ -e "$binary" ] || return 1
    triplet=$(basename "$(dirname "$(find "$part" -name 'libc.so.6' | head -n 1)")")
    loader=$(find "$part" -name 'ld-linux-*.so.*' | head -n 1)
    [ -n "$loader" ] || return 1
    loader=$1${loader#"$part"}
    patchelf --set-interpreter "$loader" \
        --set-rpath "$1/lib/$triplet:$1/usr/lib/$triplet" --force-rpath "$binary" || return 1
    rm -rf "$1" && mv "$part" "$1"
}

# one line, with the micro version
report() {
    "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3], sys.argv[1])' "$1"
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
    fi
    path=$root/python$version/usr/bin/python$version
    if [ "$(version_of "$path")" = "$version" ]; then
        report "$path"
    else
        echo "interpreters: no python$version here, skipped" >&2
    fi
done
