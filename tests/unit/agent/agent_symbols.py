#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the agent needs of libc is in every libc that a program may have.

usage: agent_symbols.py LIBPYREC

A name that it needs has to be in the list: those are in glibc, in the versions below, and in musl.
Weak names may be missing, and the code looks whether they are.
"""
import re
import subprocess
import sys

GLIBC = (2, 28)  # the oldest one
MUSL = "/lib/x86_64-linux-musl/libc.so"
IN_ALL = set("""
    __environ __errno_location __libc_current_sigrtmax __libc_current_sigrtmin bind clock_nanosleep
    close connect dl_iterate_phdr environ fcntl fstatfs ftruncate getauxval getenv geteuid getpid getppid
    clone getsockopt getuid kill madvise memchr memcmp memcpy memmove memset mmap mprotect mremap munmap nanosleep open
    openat posix_spawnattr_getflags pread pthread_attr_destroy pthread_attr_init pthread_attr_setdetachstate pthread_self read
    readlink recv recvmsg sched_getaffinity sched_getcpu sched_getscheduler sched_setaffinity sched_yield
    send sendmsg setsockopt sigaddset sigdelset sigemptyset sigfillset sigismember snprintf socket strchr
    strcmp strcspn strlen strncmp strnlen strrchr strspn strstr strtol strtoul strtoull unsetenv vsnprintf
""".split())
WEAK = set("""
    __cxa_finalize __gmon_start__ __register_atfork __rseq_offset __rseq_size _ITM_deregisterTMCloneTable
    _ITM_registerTMCloneTable gnu_get_libc_version pthread_attr_setstacksize pthread_detach pthread_join
    pthread_key_create pthread_setspecific
""".split())
LINE = re.compile(r"^[0-9a-f]+ (.{7}) \*UND\*\s+[0-9a-f]+\s+(?:\(?(\S+?)\)?\s+)?(\S+)$")


def main():
    needed = re.findall(r"NEEDED\s+(\S+)", subprocess.run(
        ["objdump", "-p", sys.argv[1]], capture_output=True, text=True, check=True).stdout)
    table = subprocess.run(["objdump", "-T", sys.argv[1]], capture_output=True, text=True,
                           check=True).stdout
    found = 0
    faults = [f"{name}: a library that not every program has" for name in needed if name != "libc.so.6"]
    for flags, version, name in (match.groups() for match in map(LINE.match, table.splitlines())
                                 if match):
        found += 1
        if name not in (WEAK if "w" in flags else IN_ALL):
            faults.append(f"{name}: {'weak, ' if 'w' in flags else ''}not in the list: is it in all of "
                          "them?")
        number = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(\.\d+)?", version or "")
        if number and (int(number[1]), int(number[2])) > GLIBC:
            faults.append(f"{name}: of {version}, newer than glibc {GLIBC[0]}.{GLIBC[1]}")
    try:
        there = subprocess.run(["objdump", "-T", MUSL], capture_output=True, text=True,
                               check=True).stdout
        names = {line.split()[-1] for line in there.splitlines() if "*UND*" not in line and line}
        faults += [f"{name}: in the list, but not in {MUSL}" for name in sorted(IN_ALL - names)]
    except subprocess.CalledProcessError:
        print(f"no {MUSL}: the list is believed")
    print("\n".join(faults) if faults else f"{found} names, all of them everywhere")
    return 1 if faults or found < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
