#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Make pyrec-VERSION.tar.gz: the last commit's files and, built of them, the page of `pyanalyze report`
# (analyze/page/made.html), so that whoever builds it needs neither npm nor a network. Prints its path.
#
# usage: source.sh [FOLDER [BUILD]]     (default: dist, build/source)
#
# The same commit gives the same bytes. A BUILD that is there is used: it must have the page of this commit.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-dist}
build=${2:-build/source}
version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' python/pyrec/_version.py)
if ! git diff --quiet HEAD; then
    echo "$0: what is not committed is not in it" >&2
fi
mkdir -p "$folder" "$build"
[ -e "$build/CMakeCache.txt" ] ||
    cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF >"$build/source.log"
cmake --build "$build" --target page >>"$build/source.log" 2>&1 || {
    tail -n 20 "$build/source.log" >&2
    exit 1
}
page=$build/analyze/page/out/template.html
[ -s "$page" ] || { echo "$0: no page: it wants npm, and its packages" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
install -D -m 644 "$page" "$work/analyze/page/made.html"
out=$folder/pyrec-$version.tar
git archive --format=tar --prefix="pyrec-$version/" -o "$out" HEAD
tar --append -f "$out" --format=ustar --owner=root:0 --group=root:0 --mtime="@$(git log -1 --format=%ct)" \
    --transform="s,^,pyrec-$version/," -C "$work" analyze/page/made.html
gzip -9nf "$out"
echo "$out.gz"
