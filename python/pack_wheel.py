#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Put what cmake --install has staged into a wheel.

usage: pack_wheel.py STAGE FOLDER GLIBC_MAX          prints the wheel's path
       pack_wheel.py --info FOLDER VERSION           only what packages of other kinds say of themselves to Python

Nothing but glibc may be needed, by the programs in no version later than GLIBC_MAX, by the agent, which is loaded into
anybody's, in none after 2.28. Order, times (SOURCE_DATE_EPOCH) and modes are
fixed, so that the same files give the same bytes.
"""
import base64
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
AGENT = "lib/pyrec/libpyrec.so"
AGENT_GLIBC_MAX = (2, 28)  # record/agent/base/floor.h
PROGRAMS = ("bin/pyrec", "bin/pyanalyze", AGENT)
MANUALS = ("share/man/man1/pyrec.1", "share/man/man1/pyanalyze.1")
GLIBC = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2"}
# What is linked into the programs, by Debian's packages: their licences go along.
LIBRARIES = ("libzstd-dev", "libprotobuf-c-dev", "libpcre2-dev", "libjansson-dev", "zlib1g-dev",
             "libncurses-dev", "libiberty-dev")
METADATA = """\
Metadata-Version: 2.1
Name: pyrec
Version: {version}
Summary: Sampling profiler for slow, multi-threaded, long-running Python programs
License: MIT
Requires-Python: >=3.8
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: Implementation :: CPython
Classifier: Typing :: Typed
Description-Content-Type: text/markdown

"""
WHEEL = "Wheel-Version: 1.0\nGenerator: pyrec\nRoot-Is-Purelib: false\nTag: {tag}\n"
ENTRIES = ("[console_scripts]\npyanalyze = pyrec._exec:pyanalyze\npyrec = pyrec._exec:pyrec\n\n"
           "[pytest11]\npyrec = pyrec.pytest_plugin\n")


def glibc_needed(path):
    """The version of glibc that a program needs; an error when it needs more than that."""
    said = subprocess.run(["objdump", "-p", str(path)], capture_output=True, text=True, check=True).stdout
    others = set(re.findall(r"NEEDED\s+(\S+)", said)) - GLIBC
    if others:
        sys.exit(f"{path} needs {' '.join(sorted(others))}, which not every machine has")
    versions = re.findall(r"GLIBC_(\d+)\.(\d+)", said)
    return max((int(major), int(minor)) for major, minor in versions)


def check_floor(path, most):
    """How much of glibc it needs; an error when that is more than `most`."""
    needed = glibc_needed(path)
    if needed > most:
        sys.exit(f"{path}: glibc {needed[0]}.{needed[1]} is needed, more than {most[0]}.{most[1]}")
    return needed


def license_of(package):
    path = pathlib.Path("/usr/share/doc") / package / "copyright"
    if not path.exists():
        sys.exit(f"{path}, the licence of what is linked into the programs, is not here")
    return path.read_bytes()


def metadata_of(version):
    return METADATA.format(version=version).encode() + (ROOT / "docs/PYTHON.md").read_bytes()


def write_info(folder, version):
    """For a package of the system's, which has the programs themselves where a wheel has scripts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "METADATA").write_bytes(metadata_of(version))
    entries = re.sub(r"(?ms)^\[console_scripts\]\n.*?(?=^\[|\Z)", "", ENTRIES)
    if entries:
        (folder / "entry_points.txt").write_text(entries, encoding="utf-8")


def contents(stage, version, tag):
    """{name in the wheel: (bytes, is it executable)}, but for RECORD."""
    info = f"pyrec-{version}.dist-info"
    files = {f"pyrec/{path.name}": (path.read_bytes(), False)
             for path in sorted((stage / "share/pyrec/python/pyrec").iterdir())
             if path.suffix == ".py" or path.name == "py.typed"}
    for name in PROGRAMS:
        files[f"pyrec/programs/{name}"] = (stage / name).read_bytes(), True
    for name in MANUALS:
        files[f"pyrec-{version}.data/data/{name}"] = (stage / name).read_bytes(), False
    for name in ("LICENSE", "docs/THIRD-PARTY.md"):
        files[f"{info}/licenses/{os.path.basename(name)}"] = (ROOT / name).read_bytes(), False
    for package in LIBRARIES:
        files[f"{info}/licenses/{package}.copyright"] = license_of(package), False
    files[f"{info}/METADATA"] = metadata_of(version), False
    files[f"{info}/WHEEL"] = WHEEL.format(tag=tag).encode(), False
    files[f"{info}/entry_points.txt"] = ENTRIES.encode(), False
    return files


def record_of(files, info):
    rows = []
    for name, (data, _) in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(data)}\n")
    return "".join(rows + [f"{info}/RECORD,,\n"]).encode()


def write(path, files):
    epoch = max(int(os.environ.get("SOURCE_DATE_EPOCH", "315532800")), 315532800)  # zip begins in 1980
    when = time.gmtime(epoch)[:6]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as to:
        for name, (data, is_executable) in files.items():
            entry = zipfile.ZipInfo(name, when)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (0o100755 if is_executable else 0o100644) << 16
            to.writestr(entry, data)


def main():
    if sys.argv[1] == "--info":
        return write_info(pathlib.Path(sys.argv[2]), sys.argv[3])
    stage, folder = map(pathlib.Path, sys.argv[1:3])
    most = tuple(map(int, sys.argv[3].split(".")))
    needed = max(check_floor(stage / name, min(most, AGENT_GLIBC_MAX) if name == AGENT else most)
                 for name in PROGRAMS)
    version = subprocess.run([stage / "bin/pyrec", "--version"], capture_output=True, text=True,
                             check=True).stdout.split()[1]
    tag = f"py3-none-manylinux_{needed[0]}_{needed[1]}_{os.uname().machine}"
    files = contents(stage, version, tag)
    info = f"pyrec-{version}.dist-info"
    files[f"{info}/RECORD"] = record_of(files, info), False
    path = folder / f"pyrec-{version}-{tag}.whl"
    write(path, files)
    print(path)
    return None


if __name__ == "__main__":
    main()
