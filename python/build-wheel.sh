#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Make pyrec-VERSION-py3-none-manylinux_2_NN_x86_64.whl: the package with its programs, which need glibc
# and nothing else. The version is CMakeLists.txt's.
#
# usage: build-wheel.sh [FOLDER [BUILD]]     (default: dist, build/wheel)
#
# NN is what the programs need of glibc, which is that of the machine they are built on or less; more
# than PYREC_GLIBC_MAX (default 2.36) is an error. The same source, compiler and libraries give the same bytes:
# times in the wheel are SOURCE_DATE_EPOCH, by default the time of the last commit.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-dist}
build=${2:-build/wheel}
most=${PYREC_GLIBC_MAX:-2.36}
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || echo 315532800)}"
export SOURCE_DATE_EPOCH
mkdir -p "$folder" "$build"
exec 9>"$build/lock"
flock 9

cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF -DPYREC_STATIC=ON \
    -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR=lib \
    -DCMAKE_C_FLAGS="-ffile-prefix-map=$PWD=. -ffile-prefix-map=$(realpath "$build")=build" >"$build/wheel.log"
cmake --build "$build" -j "$(nproc)" >>"$build/wheel.log" || { tail -n 20 "$build/wheel.log" >&2; exit 1; }
rm -rf "$build/stage"
cmake --install "$build" --prefix "$(realpath "$build")/stage" --strip >>"$build/wheel.log"
exec python3 python/pack_wheel.py "$build/stage" "$folder" "$most"
