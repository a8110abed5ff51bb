#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Packages from the source to a bare machine and away again, in roots of their own:
#
# 1. package/source.sh makes the source, twice.
# 2. In a clean Debian 12 without a network: Debian's packages, with what lintian says of them; the wheel and cpack's
#    tarball, in two folders: the same bytes.
# 3. In bare roots of the suites named: Debian's packages, the wheel and the tarball, one after the other: installed,
#    used (job.sh; of Debian's, a cell in IPython, too), removed; nothing is left behind.
#
# usage: run.sh [--if-wanted] [--only deb|wheel|tarball] [SUITE...]     default: all, in bookworm and trixie
#
# As root, with debootstrap and a mirror; else it ends with status 77. Takes ten minutes the first time; roots are kept
# in build-fresh/. --if-wanted, as the suite says: only with TEST_PACKAGES=yes in the environment. BUILD is a tree that has
# the page already (default build/source).
set -eu
cd "$(dirname "$0")/../.."
root=build-fresh
# shellcheck source=tests/suites.sh
. tests/suites.sh
# shellcheck source=samples/steps.sh
. samples/steps.sh
# shellcheck source=tests/roots.sh
. tests/roots.sh

skip() {
    echo "skipped: $1"
    exit 77
}
if [ "${1:-}" = --if-wanted ]; then
    shift
    [ "${TEST_PACKAGES:-no}" = yes ] || skip "takes ten minutes: TEST_PACKAGES=yes"
fi
kinds="deb wheel tarball"
if [ "${1:-}" = --only ]; then
    kinds=${2:?which?}
    shift 2
fi
[ $# -gt 0 ] || set -- bookworm trixie
root_possible || skip "wants to be root, and debootstrap"
[ -n "$(mirror)" ] || skip "apt has no mirror of Debian's"

fail() {
    echo "$0: $1" >&2
    exit 1
}
mkdir -p "$root"
work=$(mktemp -d "$PWD/$root/packages.XXXXXX")
copy=
trap '[ -z "$copy" ] || root_drop "$copy"; rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- 1. the source ----
source_of() {
    step "making the source" "$work/source.log" package/source.sh "$1" "${BUILD:-build/source}"
}
source_of "$work/src"
source_of "$work/again"
version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' python/pyrec/_version.py)
name=pyrec-$version.tar.gz
cmp "$work/src/$name" "$work/again/$name" || fail "the source is not the same twice"

# ---- 2. built in a clean root, without a network ----
needs=$(sed -n '/^Build-Depends:/,/^[^ ]/p' debian/control | sed 's/^Build-Depends://; /^[^ ]/d; s/([^)]*)//g; s/:any//g
    s/ *|[^,]*//; s/debhelper-compat/debhelper/; s/dh-sequence-python3/dh-python/' | tr -d ' \n')
root_make bookworm-build bookworm "build-essential,lintian,unzip,$needs"
root_copy bookworm-build
cp "$work/src/$name" "$copy/root/"
# SOURCE_DATE_EPOCH as the source has it; Debian's tools take debian/changelog's.
cat >"$copy/root/build.sh" <<'EOF'
set -eu
version=$1
unpacked() { # FOLDER
    mkdir -p "$1" && tar -xzf ~/pyrec-"$version".tar.gz -C "$1" && cd "$1/pyrec-$version"
}
unpacked ~/deb
dpkg-buildpackage -us -uc -b >~/deb.log 2>&1 || { tail -n 30 ~/deb.log; exit 1; }
lintian --allow-root --fail-on error,warning ~/deb/*.changes
for folder in ~/one ~/some/other-folder; do
    unpacked "$folder"
    SOURCE_DATE_EPOCH=$(stat -c %Y README.md)
    export SOURCE_DATE_EPOCH
    cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF -DPYREC_STATIC=ON >"$folder/log"
    cmake --build build -j "$(nproc)" >>"$folder/log"
    python/build-wheel.sh "$folder/dist" build
    (cd build && cpack -B "$folder/dist" >>"$folder/log")
    rm -rf "$folder"/dist/_CPack_Packages
    cp build/record/pyrec build/record/libpyrec.so build/analyze/pyanalyze "$folder/dist/"
done
diff -r ~/one/dist ~/some/other-folder/dist
for file in pyrec libpyrec.so pyanalyze; do
    if grep -a -q -F "$HOME/one" ~/one/dist/$file; then echo "$file says where it was built"; exit 1; fi
done
# what other libcs lack, and the loader of any of their programs would miss
dpkg-deb -x ~/deb/pyrec_"$version"_*.deb ~/deb/x
for file in ~/one/dist/libpyrec.so ~/deb/x/usr/lib/*/pyrec/libpyrec.so; do
    objdump -T "$file" >~/symbols
    if grep '\*UND\*.*_chk$' ~/symbols | grep -v __stack_chk; then exit 1; fi
done
EOF
step "building Debian's packages, and wheel and tarball in two folders, without a network" "$work/build.log" \
    root_run --offline "$copy" root "sh -eu build.sh $version"
mkdir "$work/deb" "$work/wheel" "$work/tarball"
mv "$copy"/root/deb/pyrec_*.deb "$copy"/root/deb/python3-pyrec_*.deb "$work/deb/"
mv "$copy"/root/one/dist/*.whl "$work/wheel/"
mv "$copy"/root/one/dist/*.tar.gz "$work/tarball/"
root_drop "$copy"
copy=
case $(cd "$work/wheel" && echo *) in
pyrec-"$version"-py3-none-manylinux_2_34_x86_64.whl) ;;
*) fail "built on Debian 12 it is not for glibc 2.34: $(cd "$work/wheel" && echo *)" ;;
esac

# ---- 3. in bare roots ----
# All files, but for what apt and dpkg keep for themselves; compared by name.
cat >"$work/files.sh" <<'EOF'
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /root/job -o -path /var/cache \
    -o -path /var/log -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /run -o -name __pycache__ \) -prune -o -print | sort
EOF
cat >"$work/deb.sh" <<'EOF'
apt-get -q update
# what they depend on, and suggest, stays: only what is pyrec's own must be gone
apt-get -q install -y --no-install-recommends $(dpkg-deb -f ~/pyrec_*.deb Depends | sed 's/([^)]*)//g; s/,//g; s/|[^ ]*//g') ipython3
sh ~/files.sh >/tmp/before
apt-get -q install -y --no-install-recommends ~/pyrec_*.deb ~/python3-pyrec_*.deb
(cd ~/job && ~/job.sh "$1")
test -e /usr/share/man/man1/pyrec.1.gz
cd ~/job
cat >cell.ipy <<'EOC'
%load_ext pyrec
get_ipython().run_cell_magic("pyrec", "-r 1k", "def helper(n): return sum(range(n))\nfor i in range(90): helper(90000)")
EOC
IPYTHONDIR=$PWD ipython3 --colors=NoColor cell.ipy >cell.txt
grep ' 1  def helper' cell.txt
cd
apt-get -q purge -y pyrec python3-pyrec
if find / -xdev -name '*pyrec*' -path '*dist-packages*' | grep .; then exit 1; fi
EOF
cat >"$work/wheel.sh" <<'EOF'
python3 -m venv ~/venv
sh ~/files.sh >/tmp/before
~/venv/bin/pip install -q --no-index ~/*.whl
(cd ~/job && PATH=$HOME/venv/bin:$PATH ~/job.sh "$1")
~/venv/bin/pip uninstall -q -y pyrec
find ~/venv/share -depth -type d -empty -delete # folders for manuals: pip leaves them
EOF
cat >"$work/tarball.sh" <<'EOF'
sh ~/files.sh >/tmp/before
mkdir ~/some && tar -xzf ~/pyrec-*.tar.gz -C ~/some
(cd ~/job && PATH=$(echo ~/some/*/bin):$PATH PYTHONPATH=$(echo ~/some/*/share/pyrec/python) ~/job.sh "$1" no)
rm -r ~/some
EOF
for suite in "$@"; do
    root_make "$suite-bare" "$suite" python3,python3-venv,ca-certificates
    for kind in $kinds; do
        root_copy "$suite-bare"
        cp "$work/$kind"/* "$work/files.sh" tests/package/job.sh "$copy/root/"
        mkdir "$copy/root/job"
        { cat "$work/$kind.sh" && echo 'sh ~/files.sh >/tmp/after; diff /tmp/before /tmp/after'; } >"$copy/root/kind.sh"
        step "$suite: $kind installed, used and removed" "$work/$suite-$kind.log" \
            root_run "$copy" root "sh -eu kind.sh $version"
        root_drop "$copy"
        copy=
    done
done
echo "packages of $version: made, and good in $*"
