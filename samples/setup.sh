#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Install what building pyrec needs and is missing, and say so. Does nothing when all is there.
#
# usage: setup.sh [PACKAGE...] [--optional PACKAGE...]     more packages, e.g. for the tests
#
# Optional ones are left out, by name, where the distribution does not have them.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=samples/steps.sh
. samples/steps.sh
log=build/setup.log

needed="gcc cmake make ninja-build pkg-config libc6-dev libzstd-dev libprotobuf-c-dev
    protobuf-c-compiler libpcre2-dev libjansson-dev zlib1g-dev libcurl4-openssl-dev"
optional=
into=needed
for word in "$@"; do
    if [ "$word" = --optional ]; then
        into=optional
    elif [ $into = needed ]; then
        needed="$needed $word"
    else
        optional="$optional $word"
    fi
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    # shellcheck disable=SC2086
    echo "$0: no apt-get here: install what these packages of Debian's hold, then run" \
        "'cmake -S . -B build && cmake --build build':" $needed >&2
    exit 1
fi

missing_of() {
    for package in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true) in
        ii*) ;;
        *) echo "$package" ;;
        esac
    done
}

# shellcheck disable=SC2086
needed=$(missing_of $needed) optional=$(missing_of $optional)
[ -n "$needed$optional" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    as_root=sudo
    if ! command -v sudo >/dev/null; then
        # shellcheck disable=SC2086
        echo "$0: not root, and no sudo here; to be installed:" $needed $optional >&2
        exit 1
    fi
fi
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@"; }
step "reading the lists of packages" "$log" apt update # old ones name files that are gone
for package in $optional; do
    if apt-cache show --no-all-versions "$package" 2>/dev/null | grep -q '^Filename:'; then
        needed="$needed $package"
    else
        echo "not in this distribution: $package (tests that want it are skipped)"
    fi
done
[ -n "$needed" ] || exit 0
# shellcheck disable=SC2086,SC2116  # a list of words, on one line
step "installing: $(echo $needed)" "$log" apt install -y --no-install-recommends $needed
