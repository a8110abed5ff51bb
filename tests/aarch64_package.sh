#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Debian's packages for arm64, made by another machine: what aarch64.sh --package calls, which has made a root with
# the cross compiler, and told the kernel how to start what is made.
#
# 1. package/source.sh makes the source.
# 2. In the root, without a network: dpkg-buildpackage -a arm64; then lintian, and a look at what came out.
# 3. In a bare root of Debian for arm64: installed by apt with what they depend on, tried, removed; nothing is left behind.
#
# usage: aarch64_package.sh          the packages are in build/aarch64/packages then
#
# BUILD is a tree that has the page of `pyanalyze report` already (default build/source).
set -eu
cd "$(dirname "$0")/.."
root=build/aarch64
suite=bookworm
packages=$root/packages
cross=$PWD/$root/cross
# shellcheck source=tests/suites.sh
. tests/suites.sh
# shellcheck source=samples/steps.sh
. samples/steps.sh
# shellcheck source=tests/roots.sh
. tests/roots.sh

copy=
trap '[ -z "$copy" ] || root_drop "$copy"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' python/pyrec/_version.py)

# ---- the source ----

rm -rf $packages "$cross/root/packages"
mkdir -p $packages "$cross/root/packages"
step "making the source" $packages/source.log package/source.sh $packages "${BUILD:-build/source}"
tar -xzf "$packages/pyrec-$version.tar.gz" -C "$cross/root/packages"

# ---- built ----

# What debian/control asks for, libraries for arm64 and programs for this machine, as apt chooses them.
if ! cmp -s debian/control "$cross/root/control"; then
    step "installing what the build asks for" $packages/needs.log root_run "$cross" root \
        "dpkg --add-architecture arm64 && apt-get -q update && export DEBIAN_FRONTEND=noninteractive &&
            apt-get -q install -y --no-install-recommends lintian &&
            apt-get -q build-dep -y --no-install-recommends -a arm64 ~/packages/pyrec-$version/ && apt-get clean"
    cp debian/control "$cross/root/control"
fi
cat >"$cross/root/build.sh" <<'INSIDE'
cd ~/packages/pyrec-*/
DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage -a arm64 -us -uc -b
cd ..
lintian --allow-root --fail-on error,warning ./*.changes
mkdir x
dpkg-deb -x pyrec_*_arm64.deb x
cd x/usr
for file in bin/pyrec bin/pyanalyze lib/aarch64-linux-gnu/pyrec/libpyrec.so; do
    readelf -h $file | grep 'Machine: *AArch64'
    if readelf -SW $file | grep ' \.debug_\| \.symtab'; then echo "$file is not stripped"; exit 1; fi
done
# what other libcs lack, and the loader of any of their programs would miss
if readelf --dyn-syms -W lib/*/pyrec/libpyrec.so | grep ' UND .*_chk\b' | grep -v __stack_chk; then exit 1; fi
# Completions are what the programs printed when they were built.
for program in pyrec pyanalyze; do
    gzip -dc share/man/man1/$program.1.gz | grep -q -i "^\.TH $program\|^\.Dt $program"
    grep -q "^complete .*$program" share/bash-completion/completions/$program
    grep -q "^#compdef $program" share/zsh/site-functions/_$program
    grep -q "^complete -c $program" share/fish/vendor_completions.d/$program.fish
done
INSIDE
step "building the packages, without a network" $packages/build.log \
    root_run --offline "$cross" root "sh -eux build.sh"
mv "$cross"/root/packages/*.deb $packages/
for file in "$packages/pyrec_${version}_arm64.deb" "$packages/python3-pyrec_${version}_all.deb"; do
    echo "$(basename "$file"): $(dpkg-deb -f "$file" Architecture), depends on $(dpkg-deb -f "$file" Depends)"
done

# ---- used ----

root_arch=arm64 root_make arm64-bare $suite python3
root_copy arm64-bare
cp "$packages/pyrec_${version}_arm64.deb" "$packages/python3-pyrec_${version}_all.deb" \
    tests/golden/v1-phases.trace "$copy/root/"
cat >"$copy/root/use.sh" <<'INSIDE'
version=$1
apt-get -q update
apt-get -q install -y --no-install-recommends ./pyrec_*.deb ./python3-pyrec_*.deb
[ "$(pyrec --version)" = "pyrec $version" ]
[ "$(pyanalyze --version)" = "pyanalyze $version" ]
pyrec --help
pyanalyze --help
pyanalyze functions v1-phases.trace
pyanalyze report -o page.html v1-phases.trace
grep -q '<html' page.html
[ "$(python3 -c 'import pyrec; print(pyrec.__version__)')" = "$version" ]
[ "$(python3 -c 'import importlib.metadata as m; print(m.version("pyrec"))')" = "$version" ]
python3 -m pyrec.analyze functions v1-phases.trace
# The emulator gets in between recorder and program: run to its end, unrecorded or recorded, and said in one line.
pyrec -o run.trace -- python3 -c 'print("ran", sum(range(10**6)))' >said 2>&1
cat said
grep -q '^ran ' said
[ "$(grep -c '^pyrec: ' said)" -le 1 ]
if pyrec -p $$ -o attached.trace; then exit 1; fi
apt-get -q purge -y pyrec python3-pyrec
if find / -xdev -name '*pyrec*' ! -name '*.deb' ! -path '/proc/*' ! -path '/root/*' ! -path '/var/log/*' | grep .; then exit 1; fi
INSIDE
step "installed, used by qemu-user, removed" $packages/use.log root_run "$copy" root "sh -eux use.sh $version"
