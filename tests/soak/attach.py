#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Attach to programs that are in the midst of something, and leave, again and again: nobody notices.

usage: attach.py BUILD_DIR PYTHON [ATTACHES [REGISTERS_LIBRARY]]    default 20; 10000 is the long form

One program for each situation of attach_program.py, three at a time, attached to by one pyrec after
the other, which now and then is killed. Every program's own checks are right to the end; at rest its threads,
descriptors and mappings are what they were, no word of the interpreter's leads into the recorder,
and its memory does not grow. So with the heap checked, and under other allocators.
"""
import os
import pathlib
import random
import re
import signal
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
GROWTH_KB = 8000   # under jemalloc, what 300 threads leave comes and goes by 5 MB without us
KILLED = 0.02      # of the rounds
BUSY_S = 60        # what a pyrec that was killed had begun ends by itself before, however busy the machine


class Program:
    def __init__(self, what, python, environment, library):
        self.what = what
        self.process = subprocess.Popen(
            [python, "-Wignore", str(HERE / "attach_program.py"), what, library], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=dict(os.environ, **environment))
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
        """As soon as they are so, or (None) one thread is left: those that were joined are on their
        way out, and what a pyrec that was killed had begun takes its time."""
        end = time.monotonic() + BUSY_S
        facts = self.facts()
        while time.monotonic() < end and (facts[0] != wanted if wanted else facts[0][0] != "1"):
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
        self.n_done = self.n_killed = self.n_later = 0

    def attach(self, programs, may_kill):
        """Once to all of them; again to those that had no moment for it."""
        left, end = {str(program.pid): program.what for program in programs}, time.monotonic() + BUSY_S
        while left:
            words = [word for pid in left for word in ("-p", pid)]
            trace = os.path.join(self.folder, "a.trace")
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
            said = re.findall(r"^pyrec: process (\d+) (.*)$", err, re.M)
            assert len(said) == err.count("\n"), err
            for pid, why in said:
                assert "try again" in why or "recorded already" in why, (left[pid], why)
                assert time.monotonic() < end, (left[pid], why)
            self.n_done += len(left) - len(said)
            self.n_later += len(said)
            left = {pid: left[pid] for pid, _ in said}

    def rounds(self, mode, situations, n, environment):
        programs = [Program(what, self.python, environment, self.library) for what in situations]
        first, grown = {}, 0
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
                assert memory <= before[2] + GROWTH_KB, (where, before[2], memory)
                assert not program.leftovers(), (where, program.leftovers())
                grown = max(grown, memory - before[2])
        for program in programs:
            program.end()
        return grown


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
            if not library or not has_ctypes:
                situations = [what for what in situations if "registers" not in what]
            environment = environment_of(mode, python)
            if environment is None:
                print(f"{mode}: {PRELOADS[mode]} is not there for {python}: left out")
                continue
            done, begin = soak.n_done, time.monotonic()
            n = max(WARM + 1, int(attaches * share / len(situations)))
            grown = max(soak.rounds(mode, situations[at:at + GROUP], n, environment)
                        for at in range(0, len(situations), GROUP))
            print(f"{mode}: {soak.n_done - done} attaches to {len(situations)} programs, "
                  f"{soak.n_killed} pyrecs killed and {soak.n_later} told to try again so far, "
                  f"at most {grown} kB more, {time.monotonic() - begin:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
