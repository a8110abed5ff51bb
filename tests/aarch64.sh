#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Build for aarch64 on another machine, and test it on an emulated one, with a kernel of its own.
#
# usage: aarch64.sh [CTEST ARGUMENTS...]      all of unit, golden, fuzz, and of e2e and step what is named below
#        aarch64.sh --command 'COMMAND'       something else, in the source folder; the build is build/aarch64/build
#        aarch64.sh --user 'COMMAND'          the same without a machine: each program by qemu-user, on this kernel
#        aarch64.sh --build                   no more than that
#        aarch64.sh --package                 Debian's packages for arm64: made (aarch64_package.sh), and used in the machine
#
#     aarch64.sh -R unit.test_ring
#     aarch64.sh --command 'build/aarch64/build/record/pyrec -o /tmp/t -- python3 -c "sum(range(9**7))"'
#     aarch64.sh --user 'ctest --test-dir build/aarch64/build -R golden'
#
# All of it in build/aarch64, made once: a root of Debian for arm64 (debootstrap; its programs run here by
# qemu-user); another one of this machine's kind with Debian's cross compiler, whose package conflicts with
# gcc-multilib, which other tests want; a build by that with the libraries of the first; and a machine by qemu-system,
# with the root and the build in its memory and Debian's kernel. So signals, ptrace and /proc are a kernel's and not
# an emulator's; what an emulated machine does not show is a processor's order of memory, and times: it is some
# twenty times slower. Not part of the suite: it wants root, the network, 8 GB of memory, and an hour.
set -eu
cd "$(dirname "$0")/.."
root=build/aarch64
suite=bookworm
there=$(pwd)/$root/$suite
# shellcheck source=tests/suites.sh
. tests/suites.sh
# shellcheck source=samples/steps.sh
. samples/steps.sh
# shellcheck source=tests/roots.sh
. tests/roots.sh

libraries=libzstd-dev,libprotobuf-c-dev,libpcre2-dev,libjansson-dev,zlib1g-dev,libcurl4-openssl-dev,libncurses-dev,libiberty-dev,libdw-dev
# what tests run, besides
programs=check,cmake,python3,gcc,libc6-dev,binutils,procps,file,zstd,man-db,util-linux,protobuf-compiler
cross=gcc-aarch64-linux-gnu,libc6-dev,cmake,make,git,pkg-config,protobuf-c-compiler,python3

# ---- what has to be here ----

missing=
has() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null || missing="$missing $2"
}
has debootstrap debootstrap
has qemu-aarch64-static qemu-user-static
has qemu-system-aarch64 qemu-system-arm
has cpio cpio
if [ -n "$missing" ]; then
    echo "$0: to be installed first (Debian):$missing" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "$0: wants to be root, for a root of another machine's programs" >&2
    exit 1
fi

# This kernel starts programs for aarch64 by the emulator; told so for as long as this runs, if it is not yet.
binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt 2>/dev/null || true
if ! grep -qs ^enabled $binfmt/qemu-aarch64; then
    if ! printf '%s' ':qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$(command -v qemu-aarch64-static)"':OCF' \
        2>/dev/null >$binfmt/register; then
        echo "$0: this kernel cannot be told how to start programs for aarch64: it has no $binfmt" >&2
        exit 1
    fi
    trap 'echo -1 >$binfmt/qemu-aarch64' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
fi

# ---- the roots, and the build ----

root_make cross $suite $cross
[ "${1:-}" != --package ] || tests/aarch64_package.sh
root_arch=arm64 root_make $suite $suite $libraries,$programs
if [ "${1:-}" = --package ]; then
    # shellcheck disable=SC2016  # expanded in there
    tests/aarch64_machine.sh "$there" 'job=$PWD/tests/package/job.sh && mkdir /tmp/job &&
        dpkg -i build/aarch64/packages/pyrec_*.deb build/aarch64/packages/python3-pyrec_*.deb && cd /tmp/job &&
        sh -x "$job" "$(dpkg-query -W -f "\${Version}" pyrec)" yes no'
    exit
fi
interpreters=$(root_bind=$PWD root_run "$there" root \
    "cd '$PWD' && PYREC_INTERPRETERS=/usr/bin/python3 tests/interpreters.sh $root")
page=$PWD/build/analyze/page/out/template.html
[ -s "$page" ] || page=
in_cross() { # COMMAND
    root_bind=$PWD root_run "$PWD/$root/cross" root "cd '$PWD' && export QEMU_LD_PREFIX='$there' && $1"
}
step "configuring $root/build/" $root/configure.log in_cross "cmake -S . -B $root/build \
    --toolchain tests/aarch64.cmake -DPYREC_ROOT='$there' -DBUILD_TESTING=ON -DPYREC_WERROR=ON \
    -DCMAKE_BUILD_TYPE=Release -DPYREC_INTERPRETERS='$interpreters' ${page:+"-DPYREC_PAGE='$page'"}"
step "building $root/build/" $root/build.log in_cross "cmake --build $root/build -j $(nproc)"

# ---- the machine ----

case ${1:-} in
--build) exit ;;
--user)
    root_bind=$PWD root_run "$there" root "cd '$PWD' && ${2:?$0: --user wants a command}"
    exit
    ;;
--command)
    tests/aarch64_machine.sh "$there" "${2:?$0: --command wants a command}"
    exit
    ;;
esac
words=
for word in "$@"; do
    words="$words '$word'"
done
# Left out: layers is about the source. unit.test_rest: no process rests there (its two CPU
# clocks are read further apart than 5 us, it seems). Other modules of e2e measure shares of real time, or take hours.
[ -n "$words" ] || words="-R '^(unit|golden|fuzz|step|e2e\\.(basics|threads|dump|phases|launch|processes))\\.' -E '^unit\\.test_rest\$'"
tests/aarch64_machine.sh "$there" "cd $root/build && ctest --output-on-failure -j 2 $words"
