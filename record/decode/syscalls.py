#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write syscalls.inc: every system call that the kernel headers of this machine know.

usage: syscalls.py > syscalls.inc

The union of x86-64's own list and the generic one (aarch64 and all newer machines); which of them
exist where pyrec is built is decided there, by #ifdef.
"""
import pathlib
import re
import sys

HEADERS = ("asm/unistd_64.h", "asm-generic/unistd.h")
ROOTS = ("/usr/include", "/usr/include/x86_64-linux-gnu")
# in the generic header these stand for something else, or are no calls
NOT_CALLS = re.compile(r"^(3264_|arch_specific|syscalls$)")


def main():
    names = set()
    for header in HEADERS:
        paths = [pathlib.Path(root, header) for root in ROOTS if pathlib.Path(root, header).exists()]
        if not paths:
            sys.exit(f"no {header} here")
        names |= set(re.findall(r"^#define __NR_(\w+)\s", paths[0].read_text(), re.M))
    print("/* SPDX-License-Identifier: MIT */")
    print("/* Made by syscalls.py. */")
    for name in sorted(name for name in names if not NOT_CALLS.match(name)):
        print(f"#ifdef __NR_{name}\nSYSCALL({name})\n#endif")


if __name__ == "__main__":
    main()
