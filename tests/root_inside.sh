#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Run a command in a root, as a user: what root_run of roots.sh calls in namespaces of its own.
#
# usage: root_inside.sh ROOT USER COMMAND
set -eu
copy=$1 user=$2 command=$3

mount_file() { # what cannot be made here is taken from the machine
    : >"$copy/dev/$1"
    mount --bind "/dev/$1" "$copy/dev/$1"
}

mount --make-rprivate /
mount -t proc proc "$copy/proc"
mount -t sysfs -o ro sysfs "$copy/sys" 2>/dev/null || true
mount -t tmpfs -o mode=755 tmpfs "$copy/dev"
for device in null zero full random urandom tty; do
    mount_file $device
done
mkdir "$copy/dev/pts" "$copy/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$copy/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$copy/dev/shm"
ln -s pts/ptmx "$copy/dev/ptmx"
ln -s /proc/self/fd "$copy/dev/fd"
for number in 0 1 2; do
    ln -s /proc/self/fd/$number "$copy/dev/$(echo stdin stdout stderr | cut -d' ' -f$((number + 1)))"
done
if [ -n "${root_bind:-}" ]; then
    mkdir -p "$copy$root_bind"
    mount --rbind "$root_bind" "$copy$root_bind"
fi
home=$(chroot "$copy" getent passwd "$user" | cut -d: -f6)
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME="$home" \
    USER="$user" LANG=C.UTF-8 PYREC_FETCH="${PYREC_FETCH:-yes}" \
    PYREC_SANITIZERS="${PYREC_SANITIZERS:-yes}" \
    chroot "$copy" setpriv --reuid "$user" --regid "$user" --init-groups sh -c "cd ~ && $command"
