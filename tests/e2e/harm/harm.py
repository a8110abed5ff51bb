# SPDX-License-Identifier: MIT
"""Nothing lost, nobody harmed: whoever dies, stops or runs out of disk, the program goes on and the
trace reads.

PYREC_KILLS: how many programs and recorders to kill, in each of three ways (default 5; 67 is the
long form).
"""
import glob
import json
import os
import pathlib
import random
import resource
import signal
import struct
import subprocess
import sys
import time

from e2e import Skip, near, wide

KILLS = int(os.environ.get("PYREC_KILLS", "5"))
SLOW = 2.0  # seconds that a crowded machine may hold anybody up

# Writes the time into a file all the while, so that the last moment of its life is known, and has from there
# when it shall end; it rests meanwhile if it is not to be busy.
ALIVE = """
import mmap, os, struct, sys, threading, time
def alive(seconds):
    while True:
        now = time.monotonic()
        clock[8:16] = struct.pack('d', now)
        if now > struct.unpack('d', clock[16:24])[0]: return
        work(5)
        if rests: time.sleep(0.001)
def work(n):
    return sum(range(300)) if n == 0 else work(n - 1)
end, rests = time.monotonic() + float(sys.argv[2]), len(sys.argv) > 3
with open(sys.argv[1], 'r+b') as file:
    clock = mmap.mmap(file.fileno(), 24)
clock[16:24] = struct.pack('d', end)
clock[0:8] = struct.pack('d', time.monotonic())
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print(os.getpid(), flush=True)
alive(float(sys.argv[2]))
print('done', flush=True)
"""


class Alive:
    """A recorded program that says how long it lived."""

    def __init__(self, t, seconds, *rests):
        self.t = t
        self.clock = pathlib.Path(t.file(f"clock{t.n}", "\0" * 24))
        self.process, self.trace = t.start(
            [t.python, "-c", ALIVE, str(self.clock), str(seconds), *rests], ["-r", "1k"])
        self.pid = int(self.process.stdout.readline())

    def lived(self):
        """Seconds from its beginning to the last moment it saw."""
        begin, last = struct.unpack_from("dd", self.clock.read_bytes())
        return last - begin

    def end(self):
        with self.clock.open("r+b") as file:
            file.seek(16)
            file.write(struct.pack("d", 0))

    def wait(self):
        out, err = self.process.communicate(timeout=120)
        return out, err

    def wall(self):
        """Seconds that it was watched, or is said not to have been: of a crowded machine, too."""
        return wall(self.t, self.trace) + fact(self.t, self.trace, "unobserved")


def wall(t, trace):
    rows = t.rows("threads", trace)
    return sum(row["wall"] for row in rows if row["thread"] == "MainThread")


def info(t, trace):
    return json.loads(t.analyze("info", "--format", "json", trace))


def fact(t, trace, name):
    """A fact of the one process, or the sum over all."""
    found = []

    def walk(value):
        if isinstance(value, dict):
            found.extend(part for key, part in value.items() if key == name)
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)

    walk(info(t, trace))
    assert found, (name, info(t, trace))
    return sum(found)


def moments():
    """Random moments, some of them within the first milliseconds."""
    for i in range(KILLS):
        yield random.uniform(0, 0.05) if i % 3 == 0 else random.uniform(0, 2.5)


def test_program_killed(t):
    """At most the tick in flight is missing."""
    for moment in moments():
        program = Alive(t, 60)
        time.sleep(moment)
        os.kill(program.pid, signal.SIGKILL)
        program.wait()
        assert program.process.returncode == -9, program.process.returncode
        lived = program.lived()
        assert program.wall() >= lived - 0.05, (moment, lived, program.wall())


def test_recorder_killed(t):
    """At most what was not flushed is missing, and the program never notices."""
    for moment in moments():
        program = Alive(t, 60)
        time.sleep(moment)
        program.process.kill()
        lived = program.lived()
        time.sleep(0.3)
        program.end()
        out, err = program.wait()
        assert out == "done\n" and err == "", (moment, out, err)
        if lived > 1.2 + SLOW:
            assert program.wall() >= lived - 1.2 - SLOW, (moment, lived, program.wall())
        else:
            t.analyze("lines", program.trace, ok=(0, 1, 5))


def test_what_was_flushed(t):
    """What could be read before the recorder was killed can be read afterwards."""
    program, seen = Alive(t, 60, "rests"), 0
    while seen < 0.5:
        done = subprocess.run([t.pyanalyze, "threads", "--format", "json", program.trace], capture_output=True, text=True)
        rows = json.loads(done.stdout) if done.returncode == 0 else []
        seen = sum(row["wall"] for row in rows if row["thread"] == "MainThread")
    program.process.kill()
    os.kill(program.pid, signal.SIGKILL)
    program.wait()
    assert wall(t, program.trace) >= seen, (wall(t, program.trace), seen)


def test_both_killed(t):
    for moment in moments():
        program = Alive(t, 60)
        time.sleep(moment)
        first, second = random.sample([program.pid, program.process.pid], 2)
        os.kill(first, signal.SIGKILL)
        os.kill(second, signal.SIGKILL)
        program.wait()
        done = subprocess.run([t.pyanalyze, "lines", program.trace], capture_output=True, text=True)
        assert done.returncode in (0, 1, 5) and "damage" not in done.stderr, done.stderr
        if program.lived() > 1.2 + SLOW:
            assert program.wall() >= program.lived() - 1.2 - SLOW, (moment, program.lived())


@wide
def test_one_of_many_killed(t):
    """A worker dies; its siblings' part of the trace is not touched by it."""
    script = ("import os, signal, sys, time\n"
              "def work(seconds):\n"
              "    end = time.monotonic() + seconds\n"
              "    while time.monotonic() < end: pass\n"
              "pids = []\n"
              "for i in range(4):\n"
              "    pid = os.fork()\n"
              "    if pid == 0:\n"
              "        work(1.5)\n"
              "        os._exit(0)\n"
              "    pids.append(pid)\n"
              "time.sleep(0.7)\n"
              "os.kill(pids[0], signal.SIGKILL)\n"
              "print(*pids, *[os.waitpid(pid, 0)[1] for pid in pids])\n")
    run = t.record("-c", script)
    words = [int(word) for word in run.out.split()]
    assert words[4:] == [9, 0, 0, 0], words
    walls = {row["process"]: row["wall"] for row in t.rows("threads", run.trace)}
    for pid in words[1:4]:
        assert walls[pid] > 1.4 - t.unobserved(run.trace), walls
    assert 0.5 - t.unobserved(run.trace) < walls[words[0]] < 0.7 + SLOW, walls


def test_large_writes(t):
    """A write() to a pipe that our signal cuts short goes on: unbuffered output is whole."""
    script = ("import sys\n"
              "for _ in range(15):\n"
              "    sys.stdout.write('x' * (1 << 20))\n"
              "sys.stderr.write('end\\n')\n")
    reader = ("import os\n"
              "n = 0\n"
              "while True:\n"
              "    data = os.read(0, 3000)\n"
              "    if not data: break\n"
              "    n += len(data)\n"
              "print(n)\n")
    for _ in range(3):
        process, trace = t.start([t.python, "-u", "-c", script], ["-r", "5k"])
        read = subprocess.run([sys.executable, "-c", reader], stdin=process.stdout,
                              capture_output=True, text=True, timeout=120)
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert int(read.stdout) == 15 << 20, read.stdout
        process.stderr.close()


# ---- the disk ----

# until its input ends
WRITER = """
import select
print('ready', flush=True)
n = 0
while not select.select([0], [], [], 0)[0]:
    n += 1
    names = {}
    exec(f'def function_{n}(k):\\n    return sum(range(2000)) if k == 0 else function_{n}(k - 1)', names)
    for _ in range(5): names[f'function_{n}'](9)
print('done')
"""


def write_until_it_stops(t, process):
    """A writer goes on until pyrec has said into stopped.txt that it does not; (all output, that)."""
    said, end = t.dir / "stopped.txt", time.monotonic() + 60
    while (process.poll() is None and time.monotonic() < end
           and "recording stops" not in said.read_text(encoding="utf-8")):
        time.sleep(0.05)
    out, _ = process.communicate(timeout=120)
    return out, said.read_text(encoding="utf-8")


@wide
def test_file_size_limit(t):
    """The limit is pyrec's own here."""
    with open(t.dir / "stopped.txt", "w", encoding="utf-8") as stderr:
        process, trace = t.start([t.python, "-c", WRITER], ["-r", "4k"], stdin=subprocess.PIPE,
                                 stderr=stderr)
    assert process.stdout.readline() == "ready\n"
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (64000, 64000))
    out, err = write_until_it_stops(t, process)
    assert process.returncode == 0 and out == "done\n", (process.returncode, out, err)
    lines = [line for line in err.splitlines() if "recording stops" in line]
    assert len(lines) == 1 and trace in lines[0] and "the command goes on" in lines[0], err
    assert "File too large" in lines[0], lines
    assert 0 < os.path.getsize(trace) <= 64000
    assert wall(t, trace) > 0.1, "nothing was written"


def test_small_file_size_limit(t):
    """Where the program may not make a file of some 2 MB, the agent cannot have its memory."""
    run = t.record("-c", "print('ran')",
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000)))
    assert run.out == "ran\n" and "limit on the size of files" in run.err, run.err


def test_disk_full(t):
    """A tmpfs of 64 KiB in a mount namespace of its own; the analyzer must look from inside."""
    if os.geteuid() != 0:
        raise Skip("only root can mount a small disk")
    disk = t.dir / "disk"
    disk.mkdir()
    copy = t.trace()
    script = ('mount -t tmpfs -o size=64k none "$1" && shift && trace=$1 && shift && copy=$1 && '
              'shift && "$@"; status=$?; cp "$trace" "$copy"; exit $status')
    trace = str(disk / "x.trace")
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(disk), trace, copy,
               t.pyrec, "-r", "4k", "-o", trace, t.python, "-c", WRITER]
    with open(t.dir / "stopped.txt", "w", encoding="utf-8") as stderr:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=stderr, text=True, cwd=t.dir)
    out, err = write_until_it_stops(t, process)
    if "mount" in err and "done" not in out:
        raise Skip("no mount here: " + err.strip())
    lines = [line for line in err.splitlines() if "recording stops" in line]
    assert len(lines) == 1 and "No space" in lines[0] and trace in lines[0], err
    assert process.returncode == 0 and out == "ready\ndone\n", (process.returncode, out, err)
    assert wall(t, copy) > 0.1


def test_file_removed(t):
    """Nobody would read what is written from then on: said at once, and the program goes on."""
    for replace in (False, True):
        program = Alive(t, 2, "rests")
        time.sleep(0.3)
        os.unlink(program.trace)
        if replace:
            pathlib.Path(program.trace).write_text("somebody else's")
        out, err = program.wait()
        assert out == "done\n" and program.process.returncode == 0, (out, err)
        assert "removed or replaced" in err and program.trace in err, err
        if replace:
            assert pathlib.Path(program.trace).read_text() == "somebody else's"


def test_unwritable_folder(t):
    folder = t.dir / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    t.dir.chmod(0o755)
    as_nobody = {}
    if os.geteuid() == 0:
        as_nobody["preexec_fn"] = lambda: os.setuid(65534)
    try:
        run = subprocess.run([t.pyrec, "-o", str(folder / "x.trace"), "sh", "-c", "echo ran"],
                             capture_output=True, text=True, timeout=60, cwd="/", **as_nobody)
    except PermissionError:
        raise Skip("nobody else may run this build")
    assert run.returncode == 0 and run.stdout == "ran\n", run
    assert str(folder / "x.trace") in run.stderr and "Permission denied" in run.stderr, run.stderr


# ---- the ring ----

def test_ring_overflow(t):
    """pyrec stands still: what does not fit is counted, nothing blocks."""
    script = ("import sys, threading, time\n"
              "end = time.monotonic() + 4\n"
              "def busy(n):\n"
              "    while time.monotonic() < end: left(200), right(200)\n"
              "def left(n):\n"
              "    return right(n - 1) if n else sum(range(200))\n"
              "def right(n):\n"
              "    return left(n - 1) if n else sum(range(200))\n"
              "threads = [threading.Thread(target=busy, args=(i,)) for i in range(50)]\n"
              "print('ready', flush=True)\n"
              "for thread in threads: thread.start()\n"
              "for thread in threads: thread.join()\n"
              "print('done')\n")
    begin = time.monotonic()
    process, trace = t.start([t.python, "-c", script], ["-r", "10k"])
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(3.5)
    os.kill(process.pid, signal.SIGCONT)
    out, err = process.communicate(timeout=120)
    assert out == "done\n" and process.returncode == 0, (process.returncode, out, err)
    took = time.monotonic() - begin
    lost = fact(t, trace, "ticks_overflowed")
    due, taken = fact(t, trace, "ticks_due"), fact(t, trace, "ticks_taken")
    missed = fact(t, trace, "ticks_missed")
    assert due == taken + missed, (due, taken, missed)
    said = int(err.split(" ticks missed")[0].rsplit(" ", 1)[1].replace(",", ""))
    assert said == missed + lost, (err, missed, lost)
    if lost == 0:
        raise Skip(f"the machine is too busy to fill the ring: {missed} of {due} ticks missed")
    assert wall(t, trace) < took + 0.1


# ---- stopped ----

def there(program):
    """Seconds that it was there, which is more than it lived by its own clock: it had to start."""
    return info(program.t, program.trace)["processes"][0]["duration"]


def watched_it_all(program):
    """From when it began, by its own clock; no longer than it was there."""
    lived, watched, most = program.lived(), program.wall(), there(program)
    assert lived - 0.2 <= watched <= most + 0.1, (lived, watched, most)


def stood_still(program):
    """For the two seconds that the test slept meanwhile, or more."""
    watched, most = wall(program.t, program.trace), there(program)
    assert watched < most - 1.7, (watched, most)
    watched_it_all(program)


def test_program_stopped(t):
    """The time in which it stood still is nobody's."""
    program = Alive(t, 3, "rests")
    time.sleep(0.3)
    os.kill(program.pid, signal.SIGSTOP)
    time.sleep(2)
    os.kill(program.pid, signal.SIGCONT)
    out, err = program.wait()
    assert out == "done\n", err
    assert fact(t, program.trace, "unobserved") > 1.7
    stood_still(program)


def test_recorder_stopped(t):
    """At a sane rate the ring is large enough: nothing is lost, nothing invented."""
    program = Alive(t, 4)
    time.sleep(0.5)
    program.process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    program.process.send_signal(signal.SIGCONT)
    out, err = program.wait()
    assert out == "done\n", err
    watched_it_all(program)
    assert fact(t, program.trace, "ticks_overflowed") == 0


def test_both_stopped(t):
    program = Alive(t, 3, "rests")
    time.sleep(0.3)
    os.kill(program.pid, signal.SIGSTOP)
    program.process.send_signal(signal.SIGSTOP)
    time.sleep(2)
    program.process.send_signal(signal.SIGCONT)
    os.kill(program.pid, signal.SIGCONT)
    out, err = program.wait()
    assert out == "done\n", err
    stood_still(program)
