#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The README's commands on a fresh Debian: a root with nothing but git, sudo and ca-certificates.
#
# usage: fresh.sh SUITE [quickstart|tests] [--user] [ARGUMENT...]
#
#     fresh.sh bookworm                     ./samples/quickstart.sh as root
#     fresh.sh trixie quickstart --user     as a user who may use sudo
#     fresh.sh trixie tests -L unit         ./tests/run.sh -L unit
#
# As root, with debootstrap; from the mirror that this machine's apt uses. The root is made once and
# kept in build-fresh/SUITE; each run has a copy of it, with a clone of the working tree, which
# is removed afterwards (PYREC_KEEP=yes keeps it). PYREC_FETCH and PYREC_SANITIZERS are handed on.
# What is mounted is mounted in a namespace of its own, and gone with it, however this ends.
#
# Not part of the suite: takes minutes, and wants the network.
set -eu
cd "$(dirname "$0")/.."
root=build-fresh
# shellcheck source=tests/suites.sh
. tests/suites.sh
# shellcheck source=samples/steps.sh
. samples/steps.sh

# ---- inside: fresh.sh --inside COPY USER COMMAND ----

mount_file() { # what cannot be made here is taken from the machine
    : >"$1/dev/$2"
    mount --bind "/dev/$2" "$1/dev/$2"
}

if [ "${1:-}" = --inside ]; then
    copy=$2 user=$3 command=$4
    mount --make-rprivate /
    mount -t proc proc "$copy/proc"
    mount -t sysfs -o ro sysfs "$copy/sys" 2>/dev/null || true
    mount -t tmpfs -o mode=755 tmpfs "$copy/dev"
    for device in null zero full random urandom tty; do
        mount_file "$copy" $device
    done
    mkdir "$copy/dev/pts" "$copy/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$copy/dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$copy/dev/shm"
    ln -s pts/ptmx "$copy/dev/ptmx"
    ln -s /proc/self/fd "$copy/dev/fd"
    for number in 0 1 2; do
        ln -s /proc/self/fd/$number "$copy/dev/$(echo stdin stdout stderr | cut -d' ' -f$((number + 1)))"
    done
    home=$(chroot "$copy" getent passwd "$user" | cut -d: -f6)
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME="$home" \
        USER="$user" LANG=C.UTF-8 PYREC_FETCH="${PYREC_FETCH:-yes}" \
        PYREC_SANITIZERS="${PYREC_SANITIZERS:-yes}" \
        chroot "$copy" setpriv --reuid "$user" --regid "$user" --init-groups \
        sh -c "cd ~/pyrec && exec $command"
fi

# ---- outside ----

suite=${1:?usage: fresh.sh SUITE [quickstart|tests] [--user] [ARGUMENT...]}
shift
script=./samples/quickstart.sh user=root
case ${1:-} in
quickstart) shift ;;
tests)
    script=./tests/run.sh
    shift
    ;;
esac
if [ "${1:-}" = --user ]; then
    user=somebody
    shift
fi
command=$script
for word in "$@"; do
    command="$command '$word'"
done
if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
    echo "$0: wants to be root, and debootstrap" >&2
    exit 1
fi

base=$root/$suite
if [ ! -e "$base/made" ]; then
    rm -rf "$base" "$base.part"
    step "making a fresh $suite in $base" "$root/$suite.log" debootstrap --variant=minbase \
        --include=git,sudo,ca-certificates "$suite" "$base.part" "$(mirror)"
    mv "$base.part" "$base"
    touch "$base/made"
fi

copy=$(pwd)/$root/$suite.$$
end() {
    if [ "${PYREC_KEEP:-no}" = yes ]; then
        echo "kept: $copy"
    else
        rm -rf --one-file-system "$copy"
    fi
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
cp -a "$base" "$copy"
rm -f "$copy/made"
# How this machine reaches the mirror: names, certificates, and what apt is told of it.
cp -L /etc/resolv.conf /etc/hosts "$copy/etc/"
cp -a /usr/local/share/ca-certificates/. "$copy/usr/local/share/ca-certificates/"
chroot "$copy" update-ca-certificates >/dev/null 2>&1
apt-config dump | grep -iE '^Acquire::(https?|Check-[A-Za-z-]*)(::[^ ]*)? "' \
    >"$copy/etc/apt/apt.conf.d/90-this-machine" || true
home=/root
if [ $user != root ]; then
    home=/home/$user
    chroot "$copy" useradd -m -s /bin/bash "$user"
    echo "$user ALL=(ALL) NOPASSWD: ALL" >"$copy/etc/sudoers.d/$user"
fi
git clone -q . "$copy$home/pyrec"
if ! git diff --quiet HEAD; then
    echo "with changes that are not committed"
    git diff --binary HEAD | git -C "$copy$home/pyrec" apply
fi
chroot "$copy" chown -R "$user:$user" "$home/pyrec"

echo "in $suite, as $user: $command"
status=0
unshare --mount --pid --fork --kill-child "$0" --inside "$copy" "$user" "$command" || status=$?
echo "in $suite, as $user: $command: status $status"
exit $status
