#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Attach to programs that are in the midst of something, and leave, again and again: nobody notices.

usage: attach.py BUILD_DIR PYTHON [ATTACHES [REGISTERS_LIBRARY [SITUATION]]]
                                            default 20; 10000 is the long form; SITUATION: only that one

One program for each situation of attach_program.py, three at a time, attached to by one pyrec after
the other, which now and then is killed. Every program's own checks are right to the end; at rest its threads,
descriptors and mappings are what they were, no word of the interpreter's leads into the recorder,
and its memory does not grow beyond what it comes and goes by without us (a leak of 100 bytes per attach is
found within 800). So with the heap checked, and under other allocators.
"""
import ctypes
import os
import pathlib
import random
import re
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SITUATIONS = ("malloc dlopen fork signal threads asyncio blocked computing single single_malloc many "
              "registers single_registers").split()
FEW = "malloc threads single_malloc".split()
PRELOADS = {"checked": "libc_malloc_debug.so.0", "jemalloc": "libjemalloc.so.2",
            "tcmalloc": "libtcmalloc_minimal.so.4", "mimalloc": "libmimalloc.so.2.0"}
CHECKED = {"MALLOC_ARENA_MAX": "1", "MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165"}
SHARES = {"plain": 0.5, "checked": 0.2, "jemalloc": 0.1, "tcmalloc": 0.1, "mimalloc": 0.1}
GROUP = 3          # programs that run at once
RESTS = 25         # so often, at most, everything is looked at
WARM = 2           # rests after which nothing of ours is new
LEAK_BYTES = 50    # per attach: more than that is found in a program with one thread
# What a program's memory may come and go by, in kB: with one thread, pages of its own data; with
# several, what allocators keep for threads and children that have ended (seen: 190); with many that only
# wait, next to nothing.
ROOM_KB = {"single": 40, "single_registers": 40, "single_malloc": 300, "computing": 600,
           "registers": 600, "signal": 600, "blocked": 600, "malloc": 600, "dlopen": 600,
           "fork": 600, "threads": 600, "asyncio": 600, "many": 100}
ROOM_TIMES = {"plain": 1, "checked": 1, "jemalloc": 4, "tcmalloc": 2, "mimalloc": 2}
KILLED = 0.02      # of the rounds
# Of a machine on which others want all CPUs: said while it goes on, and nothing is wrong.
CROWDED = ("gets no CPU: waiting for it, a minute at most",
           "still has a recorder: it goes by itself, as soon as it gets a CPU")
BUSY_S = 300       # what a pyrec that was killed had begun ends by itself before, however busy the machine


PR_SET_THP_DISABLE = 41
libc = ctypes.CDLL(None)


def begin_without_huge_pages():
    """3.15 asks for huge pages for its objects, in areas of 2 MiB. As soon as the kernel makes one of
    an area, some seconds after the start, with us or without, all of it counts: 760 kB at once."""
    libc.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)


class Program:
    def __init__(self, what, python, environment, library):
        self.what = what
        self.memory = []  # at each rest: how many attaches were begun, and kB
        self.n_attached = 0
        self.process = subprocess.Popen(
            [python, "-Wignore", str(HERE / "attach_program.py"), what, library], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=dict(os.environ, **environment), preexec_fn=begin_without_huge_pages)
        self.pid = self.process.pid

    def say(self, word, answer):
        if word:
            os.write(self.process.stdin.fileno(), word.encode())
        line = self.process.stdout.readline()
        assert line == answer, (self.what, word, line, self.process.poll(),
                                self.process.stderr.read() if not line else "")

    def facts(self):
        """At rest: what must not change, and the memory in kB."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            text = status.read()
        signals = re.findall(r"^Sig(?:Blk|Ign|Cgt):.*$", text, re.M)
        threads = re.search(r"^Threads:\s*(\d+)", text, re.M)[1]
        descriptors = sorted(os.listdir(f"/proc/{self.pid}/fd"))
        files, others = mappings(self.pid)
        memory = int(re.search(r"^RssAnon:\s*(\d+)", text, re.M)[1])
        return (threads, descriptors, signals, sorted(files)), others, memory

    def facts_as(self, wanted):
        """As soon as they are so, or (None) only the threads are left that rest: those that were joined
        are on their way out, and what a pyrec that was killed had begun takes its time."""
        end = time.monotonic() + BUSY_S
        n_threads = "301" if self.what == "many" else "1"
        facts = self.facts()
        while time.monotonic() < end and (facts[0] != wanted if wanted else facts[0][0] != n_threads):
            time.sleep(0.05)
            facts = self.facts()
        return facts

    def leftovers(self):
        """Words that lead into the recorder's code, in the data of the interpreter and its modules."""
        found = []
        areas = list(areas_of(self.pid))
        code = [(begin, end) for begin, end, rights, path in areas
                if "libpyrec.so" in path and "x" in rights]
        assert code
        with open(f"/proc/{self.pid}/mem", "rb") as memory:
            for begin, end, rights, path in areas:
                if "x" in rights or not re.search("python[^/]*$|/lib-dynload/", path):
                    continue
                memory.seek(begin)
                found += [(os.path.basename(path), hex(begin + at))
                          for at in words_within(memory.read(end - begin), code)]
        return found

    def end(self):
        out, err = self.process.communicate("end", timeout=120)
        assert self.process.returncode == 0 and not err and out.startswith("right "), \
            (self.what, self.process.returncode, out, err)
        assert int(out.split()[1]) > 0, (self.what, out)


def words_within(data, ranges):
    """Where in it there is an address in one of these."""
    for low, high in ranges:
        for upper in range(low >> 16, (high >> 16) + 1):
            upper_bytes = struct.pack("<Q", upper)[:6]
            at = data.find(upper_bytes)
            while at >= 0:
                if at % 8 == 2 and low <= struct.unpack_from("<Q", data, at - 2)[0] < high:
                    yield at - 2
                at = data.find(upper_bytes, at + 1)


def slope_of(points):
    """Theil and Sen's: the median of the slopes of all pairs, and where it lies in 95 of 100 cases."""
    slopes = sorted((b - a) / (m - n) for i, (n, a) in enumerate(points) for m, b in points[i + 1:]
                    if m != n)
    k, n = len(slopes), len(points)
    half = 1.96 * (n * (n - 1) * (2 * n + 5) / 18) ** 0.5
    return (statistics.median(slopes), slopes[max(0, int((k - half) / 2))],
            slopes[min(k - 1, int((k + half) / 2))])


def growth_of(mode, what, points):
    """What was too much, else None; and in words what it was."""
    (first, before), (last, now) = points[0], points[-1]
    limit = ROOM_KB[what] * ROOM_TIMES[mode] + (last - first) * LEAK_BYTES / 1024
    text = f"{what} {now - before:+d} kB in {last - first} attaches"
    if len(points) >= 10:
        text += " (%+.0f bytes each, %+.0f to %+.0f)" % tuple(s * 1024 for s in slope_of(points))
    return (f"{text}: more than {limit:.0f} kB" if now - before > limit else None), text


def areas_of(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        for line in maps:
            words = line.split(None, 5)
            begin, end = (int(word, 16) for word in words[0].split("-"))
            yield begin, end, words[1], words[5].strip() if len(words) > 5 else ""


def mappings(pid):
    """Those of files, and how many others there are."""
    areas = list(areas_of(pid))
    files = {path for _, _, _, path in areas if path.startswith("/")}
    return files, sum(not path.startswith("/") for _, _, _, path in areas)


def thread_names(pid):
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{tid}/comm", encoding="ascii") as comm:
                yield comm.read().strip()
        except OSError:
            pass


def wait_for(what, is_so, *args):
    end = time.monotonic() + 60
    while not is_so(*args):
        assert time.monotonic() < end, what
        time.sleep(0.005)


def is_left(program):
    return "pyrec-sampler" not in thread_names(program.pid)


def environment_of(mode, python):
    """None: it cannot be had for this interpreter."""
    environment = dict(CHECKED) if mode == "checked" else {}
    if mode in PRELOADS:
        environment["LD_PRELOAD"] = PRELOADS[mode]
        done = subprocess.run([python, "-c", "print('up')"], capture_output=True, text=True,
                              env=dict(os.environ, **environment))
        if done.stdout != "up\n" or done.stderr:
            return None
    return environment


class Soak:
    def __init__(self, build, python, folder, library):
        self.pyrec, self.python, self.folder = build / "record" / "pyrec", python, folder
        self.library = library
        self.n_done = self.n_killed = self.n_later = self.n_crowded = 0

    def attach(self, programs, may_kill):
        """Once to all of them; again to those that had no moment for it."""
        left, end = {str(program.pid): program.what for program in programs}, time.monotonic() + BUSY_S
        while left:
            words = [word for pid in left for word in ("-p", pid)]
            trace = os.path.join(self.folder, "a.trace")
            for program in programs:
                program.n_attached += str(program.pid) in left
            process = subprocess.Popen(
                [str(self.pyrec), "-q", "-r", "1000", "-o", trace, "--duration",
                 f"{random.uniform(0.002, 0.03):.3f}s", *words], stderr=subprocess.PIPE, text=True)
            if may_kill and random.random() < KILLED:
                time.sleep(random.uniform(0, 0.1))
                process.kill()
                process.communicate()
                self.n_killed += 1
                return
            err = process.communicate(timeout=120)[1]
            said = re.findall(r"^pyrec: process (\d+)(?: \(and \d+ more\))? (.*)$", err, re.M)
            assert len(said) == err.count("\n"), err
            self.n_crowded += sum(why in CROWDED for _, why in said)
            said = [(pid, why) for pid, why in said if why not in CROWDED]
            for pid, why in said:
                assert "try again" in why or "recorded already" in why, (left[pid], why)
                assert time.monotonic() < end, (left[pid], why)
            self.n_done += len(left) - len(said)
            self.n_later += len(said)
            left = {pid: left[pid] for pid, _ in said}

    def rounds(self, mode, situations, n, environment):
        programs = [Program(what, self.python, environment, self.library) for what in situations]
        first, told = {}, []
        for i in range(min(n, RESTS)):
            for program in programs:
                program.say("go" if i > 0 else "", "going\n")
            for _ in range(max(1, n // RESTS)):
                self.attach(programs, i >= WARM)
            for program in programs:
                wait_for((mode, program.what, "the recorder has not left"), is_left, program)
                program.say("rest", "resting\n")
            if i < WARM - 1:
                continue
            for program in programs:
                before = first.setdefault(program.what, program.facts_as(None))
                same, others, memory = program.facts_as(before[0])
                where = (mode, program.what, i)
                assert same == before[0], (where, before[0], same)
                assert others <= before[1] + 24, (where, before[1], others)
                assert not program.leftovers(), (where, program.leftovers())
                program.memory.append((program.n_attached, memory))
                wrong, text = growth_of(mode, program.what, program.memory)
                assert not wrong, (mode, wrong)
                if i == min(n, RESTS) - 1:
                    told.append(text)
        for program in programs:
            program.end()
        return told


def main():
    build, python = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    attaches = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    library = sys.argv[4] if len(sys.argv) > 4 else ""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    with tempfile.TemporaryDirectory(prefix="pyrec-soak-") as folder:
        soak = Soak(build, python, folder, library)
        for mode, share in SHARES.items():
            situations = SITUATIONS if attaches >= 1000 or mode == "plain" else FEW
            has_ctypes = subprocess.run([python, "-c", "import ctypes"],
                                        capture_output=True).returncode == 0
            if len(sys.argv) > 5:
                situations = [what for what in situations if what == sys.argv[5]]
            if not library or not has_ctypes:
                situations = [what for what in situations if "registers" not in what]
            if not situations:
                continue
            environment = environment_of(mode, python)
            if environment is None:
                print(f"{mode}: {PRELOADS[mode]} is not there for {python}: left out")
                continue
            done, begin = soak.n_done, time.monotonic()
            n = max(WARM + 1, int(attaches * share / len(situations)))
            told = [text for at in range(0, len(situations), GROUP)
                    for text in soak.rounds(mode, situations[at:at + GROUP], n, environment)]
            print(f"{mode}: {soak.n_done - done} attaches to {len(situations)} programs, "
                  f"{soak.n_killed} pyrecs killed, {soak.n_later} told to try again and {soak.n_crowded} "
                  f"that a CPU was wanting so far, "
                  f"{time.monotonic() - begin:.0f} s; {'; '.join(told)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
