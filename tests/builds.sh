#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Interpreters that no Debian suite has as packages, built from its sources: some minutes each, kept under
# BUILD_DIR/interpreters, where tests/interpreters.sh finds them; a test run after that runs on them as well.
#
# usage: builds.sh BUILD_DIR NAME...      e.g. builds.sh build 3.14t 3.14d
#        builds.sh --names                all that it knows
#
# NAME is a version and a kind. What cannot be had here is named on stderr.
set -u

kinds="\
t       without a GIL
d       with assertions and reference counts (--with-pydebug), Debian's
clang   by clang, without PGO
tail    the interpreter that calls from instruction to instruction (clang 19 or later)
jit     the one of Debian with its JIT switched on
alone   all in one file, moved to another place afterwards, with its C code not exchangeable
moved   with a shared library that is found from the program, as conda has it; moved afterwards"
known="3.13t 3.14t 3.15t 3.14d 3.15d 3.14clang 3.14tail 3.14jit 3.15jit 3.14alone 3.14moved"
if [ "${1:-}" = --names ]; then
    echo "$known" | tr ' ' '\n'
    echo "$kinds" | sed 's/^/# /'
    exit 0
fi
build=${1:?usage: builds.sh BUILD_DIR NAME..., or builds.sh --names}
shift
mkdir -p "$build"
root=$(cd "$build" && pwd)/interpreters
# shellcheck source=suites.sh
. "$(dirname "$0")/suites.sh"

say() {
    echo "builds: $*" >&2
}

exists() {
    curl -sfI -o /dev/null "$1"
}

# The newest sources of a version that the mirror still has: it may drop what a suite names.
sources_url() {
    for suite in sid testing stable; do
        suite_begin "$suite" || continue
        url=$(source_urls "$suite" "python$1" | grep '\.orig\.tar\.xz$' | head -n 1)
        [ -n "$url" ] || continue
        ! exists "$url" || { echo "$url" && return 0; }
        head=${url%_*}_$1.
        micro=${url#"$head"}
        micro=${micro%%.*}
        while [ "$micro" -gt 0 ] && micro=$((micro - 1)); do
            ! exists "$head$micro.orig.tar.xz" || { echo "$head$micro.orig.tar.xz" && return 0; }
        done
        for stage in rc3 rc2 rc1; do
            ! exists "${head}0~$stage.orig.tar.xz" || { echo "${head}0~$stage.orig.tar.xz" && return 0; }
        done
    done
    say "the mirror has no sources of python$1"
    return 1
}

# sources_have VERSION: unpacked once, in $sources
sources_have() {
    sources=$root/sources/$1
    [ ! -x "$sources/configure" ] || return 0
    url=$(sources_url "$1") || return 1
    rm -rf "$sources.part" && mkdir -p "$sources.part"
    curl -sf "$url" | tar xJ -C "$sources.part" --strip-components=1 && mv "$sources.part" "$sources"
}

# clang 19 or later: installed, or a suite's, unpacked
clang_new() {
    for one in clang clang-22 clang-21 clang-20 clang-19; do
        major=$("$one" -dumpversion 2>/dev/null | cut -d. -f1)
        [ "${major:-0}" -lt 19 ] || { echo "$one" && return 0; }
    done
    return 1
}

# configure_for KIND: the words for configure, in $words
configure_for() {
    # shellcheck disable=SC2016
    origin='\$$ORIGIN' # for make, and for the shell that it calls
    words="--disable-test-modules --without-ensurepip"
    case $1 in
    t) words="$words --disable-gil" ;;
    clang) command -v clang >/dev/null && words="$words CC=clang" ;;
    tail) clang=$(clang_new) && words="$words --with-tail-call-interp CC=$clang" ;;
    alone) words="$words LDFLAGS=-static-libgcc CFLAGS=-fno-semantic-interposition" ;;
    moved) words="$words --enable-shared CFLAGS=-fno-semantic-interposition LDFLAGS=-Wl,-rpath,$origin/../lib" ;;
    *) false ;;
    esac
}

# In a folder of its own, then where it belongs: what is moved is found from where it is then.
make_one() {
    version=$1 kind=$2
    into=$root/python$version$kind
    configure_for "$kind" || {
        say "python$version$kind: no compiler for it here"
        return 1
    }
    sources_have "$version" || return 1
    prefix=$into
    case $kind in alone | moved) prefix=$root/elsewhere/$version$kind ;; esac
    tree=$root/sources/$version$kind
    log=$root/python$version$kind.log
    rm -rf "$tree" "$into" "$prefix" && mkdir -p "$tree"
    (
        cd "$tree" || exit 1
        exec >"$log" 2>&1
        # shellcheck disable=SC2086
        "$sources/configure" --prefix="$prefix/usr" $words &&
            make -s -j "$(nproc)" && make -s altinstall
    ) || {
        say "python$version$kind could not be built: $log"
        return 1
    }
    rm -rf "$tree"
    [ "$prefix" = "$into" ] || mv "$prefix" "$into"
    # for tests/stdlib.py; what they have in C is left out
    [ "$kind" != t ] || cp -R "$sources/Lib/test" "$into/usr/lib/python$version$kind/"
    # the build itself says a "t" only
    [ -x "$into/usr/bin/python$version$kind" ] || ln -s "python$version" "$into/usr/bin/python$version$kind"
}

# Beside what python3.X has of Debian, in a tree of its own.
debug_one() {
    into=$root/python${1}d
    if [ ! -x "$root/python$1/usr/bin/python$1" ] || ! suite_begin sid; then
        say "python${1}d: no python$1 in $root (tests/interpreters.sh --fetch)"
        return 1
    fi
    rm -rf "$into.part" "$into" && cp -al "$root/python$1" "$into.part" || return 1
    for package in "python$1-dbg" "libpython$1-dbg"; do
        suite_unpack sid "$(url_of sid "$package")" "$into.part" || {
            say "python${1}d: $package could not be had"
            return 1
        }
    done
    relocate "$into" "${1}d"
}

# A script, so that all that starts it has it.
jit_one() {
    python=$root/python$1/usr/bin/python$1
    if [ "$(PYTHON_JIT=1 "$python" -c 'import sys; print(sys._jit.is_enabled())' 2>/dev/null)" != True ]; then
        say "python$1jit: no python$1 with a JIT in $root (tests/interpreters.sh --fetch)"
        return 1
    fi
    mkdir -p "$root/python$1jit/usr/bin"
    printf '#!/bin/sh\nPYTHON_JIT=1 exec "%s" "$@"\n' "$python" >"$root/python$1jit/usr/bin/python$1jit"
    chmod +x "$root/python$1jit/usr/bin/python$1jit"
}

status=0
for name in "$@"; do
    kind=$(echo "$name" | sed 's/^[0-9.]*//')
    version=${name%"$kind"}
    [ ! -x "$root/python$name/usr/bin/python$name" ] || continue
    case " $known " in
    *" $name "*) ;;
    *)
        say "$name: not known, see builds.sh --names"
        exit 2
        ;;
    esac
    case $kind in
    jit) jit_one "$version" || status=1 ;;
    d) debug_one "$version" || status=1 ;;
    *) make_one "$version" "$kind" || status=1 ;;
    esac
done
exit $status
