# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Roots of Debian's suites, made once and copied for each use. To be sourced, with suites.sh and steps.sh; $root is
# where it all goes:
#
#     root_possible || ..                          who may make some: root, with debootstrap
#     root_make bookworm-bare bookworm git,sudo    $root/bookworm-bare, with these packages, unless it is there
#     root_copy bookworm-bare                      $copy: a copy of it that can reach the mirror
#     root_run [--offline] $copy USER COMMAND      in it, in namespaces of its own
#     root_drop $copy                              unless PYREC_KEEP=yes
#
# root_arch: of another machine (arm64), whose programs this kernel can start. root_bind: a folder that is
# to be there at the same path.
#
# From the mirror that this machine's apt uses. What is mounted is gone with the namespace, however it ends.

root_possible() {
    [ "$(id -u)" -eq 0 ] && command -v debootstrap >/dev/null
}

# How this machine reaches the mirror: names, certificates, and what apt is told of it.
root_reach() {
    cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
    # minutes where an emulator does it: only when they are others
    if [ -x "$1/usr/sbin/update-ca-certificates" ] &&
        ! diff -r /usr/local/share/ca-certificates "$1/usr/local/share/ca-certificates" >/dev/null 2>&1; then
        cp -a /usr/local/share/ca-certificates/. "$1/usr/local/share/ca-certificates/"
        chroot "$1" update-ca-certificates >/dev/null 2>&1
    fi
    apt-config dump | grep -iE '^Acquire::(https?|Check-[A-Za-z-]*)(::[^ ]*)? "' \
        >"$1/etc/apt/apt.conf.d/90-this-machine" || true
}

# debootstrap does not know of alternatives, so it makes the least that there is, and apt the rest.
root_make() {
    [ ! -e "${root:?}/$1/made" ] || return 0
    rm -rf --one-file-system "${root:?}/$1" "$root/$1.part"
    step "making a fresh $2 in $root/$1" "$root/$1.log" debootstrap ${root_arch:+"--arch=$root_arch"} --variant=minbase \
        --include=ca-certificates "$2" "$root/$1.part" "$(mirror)"
    root_reach "$root/$1.part"
    step "installing $3" "$root/$1.log" root_run "$(pwd)/$root/$1.part" root \
        "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $(echo "$3" | tr , ' ') &&
            apt-get clean"
    mv "$root/$1.part" "$root/$1"
    touch "$root/$1/made"
}

root_copy() {
    copy=$(pwd)/$root/$1.$$
    cp -a --reflink=auto "$root/$1" "$copy"
    rm -f "$copy/made"
    root_reach "$copy"
}

root_run() {
    if [ "$1" = --offline ]; then
        shift
        set -- unshare --net tests/root_inside.sh "$@"
    else
        set -- tests/root_inside.sh "$@"
    fi
    unshare --mount --pid --fork --kill-child "$@"
}

root_drop() {
    if [ "${PYREC_KEEP:-no}" = yes ]; then
        echo "kept: $1"
    else
        rm -rf --one-file-system "$1"
    fi
}
