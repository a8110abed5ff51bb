# SPDX-License-Identifier: MIT
"""pyrec -p: who talks to whom. Nobody else gets in, gets anything, or takes a place."""
import os
import pathlib
import subprocess

from attach import need_attaching, start_pyrec, wait_for_thread
from e2e import Skip, Started
from reach import SOMEBODY

# It starts a child when it is told to, and ends when it is told to.
SPAWNER = r"""
import subprocess, sys, time
CHILD = '''
import sys, time
def invited():
    end = time.monotonic() + 0.5
    while time.monotonic() < end: pass
invited()
print("busy", flush=True)
sys.stdin.read()
'''
print("ready", flush=True)
sys.stdin.readline()
child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.readline()
child.communicate()
print("done", flush=True)
"""

GUEST = """
import time
def uninvited():
    end = time.monotonic() + 0.5
    while time.monotonic() < end: pass
uninvited()
"""

# As another user: takes the name of a pyrec's socket as soon as nobody has it any more, and counts
# what comes. Before that it tries what there is to try.
SQUATTER = r"""
import array, os, select, socket, sys
name, directory, pid, trace = sys.argv[1:]
tried = []
def attempt(what, work, *args):
    try:
        work(*args)
    except OSError:
        return
    tried.append(what)
attempt("list the directory", os.listdir, directory)
attempt("make a file in it", open, directory + "/x", "w")
attempt("take the socket away", os.unlink, directory + "/door")
attempt("take the directory away", os.rename, directory, directory + "x")
attempt("read the board", open, directory + "/board")
attempt("read the trace", open, trace)
attempt("read the memory", open, f"/proc/{pid}/mem", "rb")
attempt("read the mappings", open, f"/proc/{pid}/maps")
attempt("read the environment", open, f"/proc/{pid}/environ")
for tid in os.listdir(f"/proc/{pid}/task"):
    attempt("list descriptors", os.listdir, f"/proc/{pid}/task/{tid}/fd")
mine = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
attempt("take the name", mine.bind, "\0" + name)
noise = []
for _ in range(100):  # connections that say nothing, or nonsense
    noise.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    noise[-1].connect("\0" + name)
    if len(noise) % 2:
        try: noise[-1].send(b"pyrecwir" + bytes(40))
        except OSError: pass
print("tried", *tried, flush=True)
sys.stdin.readline()
mine.bind("\0" + name)
mine.listen(100)
print("has it", flush=True)
n = got = fds = 0
ends = [mine, sys.stdin]
while True:
    ready = select.select(ends, [], [])[0]
    if mine in ready:
        ends.append(mine.accept()[0])
        n += 1
        continue
    for end in ready:
        if end is sys.stdin:
            print(n, got, fds, flush=True)
            sys.exit()
        data, more, _, _ = end.recvmsg(1000, 1000)
        got, fds = got + len(data), fds + len(more)
        if not data:
            ends.remove(end)
"""


class Spawner:
    """A program that is attached to, with a child that was started afterwards."""

    def __init__(self, t):
        self.process = Started([t.python, "-c", SPAWNER], stdin=subprocess.PIPE, text=True,
                               stdout=subprocess.PIPE)
        t.at_end.append(self.process.kill)
        self.pid = self.process.pid
        assert self.process.stdout.readline() == "ready\n"
        self.child = None

    def tell(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def spawn(self):
        """The environment that its child got."""
        self.child = int(self.tell())
        text = pathlib.Path(f"/proc/{self.child}/environ").read_bytes().decode()
        return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)

    def end(self):
        assert self.tell() == "done\n"
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0


def guest_run(t, environment):
    done = subprocess.run([t.python, "-c", GUEST], env=environment, capture_output=True, text=True,
                          timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done


def test_uninvited(t):
    """Who knows the cookie but descends from nobody that was attached to is not recorded."""
    need_attaching()
    program = Spawner(t)
    pyrec, trace = start_pyrec(t, "-p", str(program.pid), "-r", "200")
    wait_for_thread(program.pid, "pyrec-sampler")
    environment = program.spawn()
    assert environment["PYREC_AGENT"] and "libpyrec" in environment["LD_PRELOAD"]
    guest_run(t, environment)
    program.end()
    err = pyrec.communicate(timeout=60)[1]
    assert pyrec.returncode == 0 and "does not descend from a process" in err, err
    found = {row["function"] for row in t.rows("functions", trace)}
    assert "invited" in found and "uninvited" not in found, found


def test_another_user(t):
    """It reads nothing, and takes no place: neither beside pyrec nor when pyrec has been killed."""
    need_attaching()
    if os.geteuid() != 0:
        raise Skip("needs to be root")
    program = Spawner(t)
    os.chmod(t.dir, 0o755)
    pyrec, trace = start_pyrec(t, "-p", str(program.pid), "-r", "200")
    wait_for_thread(program.pid, "pyrec-sampler")
    environment = program.spawn()
    name, directory = environment["PYREC_AGENT"].split(",")[1:3]
    assert name.startswith("pyrec-") and os.path.isdir(directory)
    squatter = subprocess.Popen(
        ["/usr/bin/python3", "-c", SQUATTER, name, directory, str(program.pid), trace], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=SOMEBODY, group=SOMEBODY,
        extra_groups=[], cwd="/")
    t.at_end.append(squatter.kill)
    assert squatter.stdout.readline() == "tried\n"
    wait_for_thread(program.child, "pyrec-sampler")
    assert pyrec.poll() is None
    pyrec.kill()
    pyrec.communicate()
    squatter.stdin.write("now\n")
    squatter.stdin.flush()
    assert squatter.stdout.readline() == "has it\n"
    for _ in range(3):
        guest_run(t, environment)
    squatter.stdin.close()
    n, got, fds = map(int, squatter.stdout.readline().split())
    assert n >= 3 and (got, fds) == (0, 0), (n, got, fds)
    program.end()
