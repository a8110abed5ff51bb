#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Install what building pyrec needs and is missing, and say so. Does nothing when all is there.
#
# usage: setup.sh [PACKAGE...]      more packages, e.g. for the tests
set -eu

# The page of `pyanalyze report` is made of npm packages; where npm is there already it will do.
page=
command -v npm >/dev/null && command -v node >/dev/null || page="nodejs npm"
packages="gcc cmake make pkg-config libc6-dev libzstd-dev libprotobuf-c-dev protobuf-c-compiler
    libsmartcols-dev libpcre2-dev libjansson-dev zlib1g-dev $page $*"

missing=
for package in $packages; do
    status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
    case $status in
    ii*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    as_root=sudo
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # lists of words
install() { $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null; }
install 2>/dev/null || { $as_root apt-get update -qq && install; }
