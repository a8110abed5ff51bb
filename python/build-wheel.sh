#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Make pyrec-VERSION-py3-none-manylinux_2_NN_x86_64.whl: the package with its programs, which need glibc
# and nothing else. The version is python/pyrec/_version.py's.
#
# usage: build-wheel.sh [FOLDER [BUILD]]     (default: dist, build/wheel)
#
# A BUILD that is there is used as it is configured, if that is a release. NN is what the programs need of glibc,
# 34 on Debian 12; more than PYREC_GLIBC_MAX (default 2.34) is an error. The same source, compiler and libraries give
# the same bytes: times in the wheel are SOURCE_DATE_EPOCH, by default the time of the last commit.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-dist}
build=${2:-build/wheel}
most=${PYREC_GLIBC_MAX:-2.34}
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || echo 315532800)}"
export SOURCE_DATE_EPOCH
mkdir -p "$folder" "$build"
exec 9>"$build/wheel.lock"
flock 9

wants() { # NAME VALUE: what the tree must have been configured with
    has=$(sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt")
    [ "$has" = "$2" ] || { echo "$0: $build has $1=$has, a wheel wants '$2'" >&2; exit 1; }
}
if [ ! -e "$build/CMakeCache.txt" ]; then
    cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF -DCMAKE_INSTALL_PREFIX=/usr \
        -DCMAKE_INSTALL_LIBDIR=lib >"$build/wheel.log"
else # targets may have come since
    cmake -S . -B "$build" >"$build/wheel.log"
fi
wants CMAKE_BUILD_TYPE Release
wants CMAKE_INSTALL_LIBDIR lib
wants PYREC_SANITIZE ""
cmake --build "$build" -j "$(nproc)" --target pyrec_agent static_programs >"$build/wheel.log" 2>&1 || {
    tail -n 20 "$build/wheel.log" >&2
    exit 1
}
grep -q '^PYREC_REPORT:BOOL=OFF' "$build/CMakeCache.txt" || [ -s "$build/analyze/page/out/template.html" ] || {
    echo "$0: the page of pyanalyze report could not be built: it wants npm and a network, or the source that" \
        "package/source.sh makes; -DPYREC_REPORT=OFF makes a wheel without it" >&2
    exit 1
}
stage=$(realpath "$build")/wheel.stage
rm -rf "$stage"
for component in static agent manuals python; do
    cmake --install "$build" --prefix "$stage" --component $component --strip >>"$build/wheel.log"
done
exec python3 python/pack_wheel.py "$stage" "$folder" "$most"
