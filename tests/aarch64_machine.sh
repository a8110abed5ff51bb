#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Run a command in an emulated aarch64 machine, with a kernel of its own: what aarch64.sh calls at its end.
#
# usage: aarch64_machine.sh ROOT COMMAND     beside ROOT: build/, and machine/, which is made
#
# The machine's memory holds everything: the root, the folders of the source that git knows, and what was
# built (build/, and packages/ where they are). Nothing comes back but what the command prints, and its exit status.
set -eu
cd "$(dirname "$0")/.."
there=$1 command=$2
part=build/aarch64/machine
# shellcheck source=samples/steps.sh
. samples/steps.sh
mkdir -p $part

if [ ! -s $part/kernel ]; then
    # shellcheck disable=SC2016  # expanded in there
    step "fetching a kernel" $part/kernel.log chroot "$there" sh -ec 'cd /tmp
        apt-get -q -o APT::Sandbox::User=root download "$(apt-cache depends linux-image-arm64 | sed -n "s/ *Depends: *//p" | head -n 1)"
        dpkg-deb -x linux-image-*.deb kernel
        rm linux-image-*.deb'
    cp "$there"/tmp/kernel/boot/vmlinuz-* $part/kernel.part
    rm -rf "$there/tmp/kernel"
    mv $part/kernel.part $part/kernel
fi
if [ ! -s $part/root.cpio ]; then
    step "packing the root" $part/root.log sh -ec "cd '$there' && find . -xdev \\( -path ./proc -o -path ./sys \\
        -o -path ./dev -o -path ./tmp -o -path ./usr/share/doc -o -path ./usr/share/locale -o -path ./var/lib/apt \\
        -o -path ./var/cache -o -name 'lto1' -o -path '.$PWD' \\) -prune -o -print0 |
        cpio -0 -o -H newc >'$PWD/$part/root.part'"
    mv $part/root.part $part/root.cpio
fi

rm -rf $part/more
mkdir -p "$part/more$PWD" $part/more/proc $part/more/sys $part/more/dev $part/more/tmp
cat >$part/more/init <<'INIT'
#!/bin/sh
# the first program there is
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmp /dev/shm
ln -sf /proc/self/fd /dev/fd
for word in 0-stdin 1-stdout 2-stderr; do
    ln -sf "/proc/self/fd/${word%-*}" "/dev/${word#*-}"
done
python3 -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh22x", b"lo", 0x41))' # loopback is up
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root LANG=C.UTF-8
setsid sh /command </dev/null
echo "aarch64_machine: status $?"
echo o >/proc/sysrq-trigger
sleep 60
INIT
chmod +x $part/more/init
printf '%s\n' "cd '$PWD' || exit 1" "$command" >$part/more/command
git ls-files -z | xargs -0 cp -a --parents -t "$part/more$PWD"
mkdir -p "$part/more$PWD/build/aarch64" build/aarch64/build build/aarch64/packages
find build/aarch64/build build/aarch64/packages -type f ! -name '*.o' ! -name '*.a' \
    ! -path '*/analyze/page/*' ! -path '*/static/*' -print0 |
    xargs -0 cp -a --parents -t "$part/more$PWD"
(cd $part/more && find . -print0 | cpio -0 -o -H newc --quiet) >$part/more.cpio
cat $part/root.cpio $part/more.cpio >$part/initrd
rm -rf $part/more $part/more.cpio

# `max` has pointer authentication; as it is cheap to emulate
qemu-system-aarch64 -M virt -cpu max,pauth-impdef=on -smp 2 -m 6G -accel tcg,thread=multi -nographic -no-reboot -net none \
    -kernel $part/kernel -initrd $part/initrd -append "console=ttyAMA0 quiet panic=-1" </dev/null |
    sed -u 's|\r||g' | tee $part/output
status=$(sed -n 's/^aarch64_machine: status //p' $part/output)
exit "${status:-1}"
