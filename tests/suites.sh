# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Packages of other Debian suites, from the mirror that this machine's apt uses, unpacked and never
# installed. To be sourced; $root is where it all goes:
#
#     suite_begin sid || exit             its lists, fetched once, in $root/sid
#     url_of sid austin                   the newest file of a package
#     urls_with_all sid python3-memray    that, and all that it depends on
#     source_urls sid python3.14          the files of its source package
#     suite_unpack sid URL DIRECTORY      1: could not be fetched, 2: is no package
#     relocate DIRECTORY 3.14             DIRECTORY.part to DIRECTORY, its python3.14 starts by itself
#     relocate_binary PROGRAM DIRECTORY   the same for one program

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

suite_begin() {
    mkdir -p "$root/$1/lists/partial" "$root/$1/cache/archives/partial"
    echo "deb [trusted=yes] $(mirror) $1 main" >"$root/$1/sources.list"
    [ -e "$root/$1/updated" ] || apt_for "$1" update 2>/dev/null || return 1
    touch "$root/$1/updated"
}

url_of() {
    apt_for "$1" --print-uris download "$2" 2>/dev/null | sed -n "s/^'\([^']*\)'.*/\1/p"
}

# the same with the lists of its sources
apt_sources_for() {
    of=$1
    shift
    apt_for "$of" -o Dir::Etc::SourceList="$root/$of/sources.source.list" \
        -o Dir::State::Lists="$root/$of/lists.source" "$@" 2>/dev/null
}

source_urls() {
    mkdir -p "$root/$1/lists.source/partial"
    sed 's/^deb /deb-src /' "$root/$1/sources.list" >"$root/$1/sources.source.list"
    [ -e "$root/$1/updated.source" ] || apt_sources_for "$1" update || return 1
    touch "$root/$1/updated.source"
    apt_sources_for "$1" --only-source --print-uris source "$2" | sed -n "s/^'\([^']*\)'.*/\1/p"
}

# as if nothing were installed here
urls_with_all() {
    : >"$root/$1/status"
    apt_for "$1" -o Dir::State::status="$root/$1/status" --no-install-recommends --print-uris -y \
        install "$2" 2>/dev/null | sed -n "s/^'\([^']*\)'.*/\1/p"
}

suite_unpack() {
    file=$root/$1/cache/$(basename "$2")
    curl -sf -o "$file" "$2" || return 1
    dpkg-deb -x "$file" "$3" || return 2
    rm -f "$file"
}

# The binary is told where its loader and libraries are, so that it starts by itself
# (sys.executable, subprocess, multiprocessing). A third word: where it is now.
relocate_binary() {
    triplet=$(basename "$(dirname "$(find "${3:-$2}" -name 'libc.so.6' | head -n 1)")")
    loader=$(find "${3:-$2}" -name 'ld-linux-*.so.*' | head -n 1)
    [ -n "$loader" ] || return 1
    patchelf --set-interpreter "$2${loader#"${3:-$2}"}" \
        --set-rpath "$2/lib/$triplet:$2/usr/lib/$triplet" --force-rpath "$1"
}

relocate() {
    [ -e "$1.part/usr/bin/python$2" ] || return 1
    relocate_binary "$1.part/usr/bin/python$2" "$1" "$1.part" || return 1
    rm -rf "$1" && mv "$1.part" "$1"
}
