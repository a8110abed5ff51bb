# SPDX-License-Identifier: MIT
"""A program in one situation, which checks its own results until it is told to end.

usage: attach_program.py SITUATION [REGISTERS_LIBRARY]

On its standard input: "rest" (threads that it started end, unless they only wait; it says "resting"), "go",
"end" (it says "right" and how often its work was done). A check that fails ends it with a traceback.
"""
import asyncio
import gc
import os
import select
import signal
import sys
import threading
import time

state = {"is_over": False, "count": 0, "failed": None}
control = threading.Lock()


def sums():
    assert sum(range(1000)) == 499500
    state["count"] += 1


def blocks():
    kept = [bytes(n) for n in range(1000, 60000, 1000)]
    small = [[n] * 7 for n in range(500)]
    assert sum(map(len, kept)) == 1770000 and small[499][6] == 499
    state["count"] += 1


def libraries():
    import _ctypes
    for name in ("libz.so.1", "libm.so.6"):
        try:
            _ctypes.dlclose(_ctypes.dlopen(name, 2))
        except OSError:  # an interpreter that came with its own libc
            pass
    state["count"] += 1


def forks():
    pid = os.fork()
    if pid == 0:
        os._exit(3)
    assert os.waitpid(pid, 0)[1] == 3 << 8
    state["count"] += 1


def short_threads():
    done = []
    threads = [threading.Thread(target=done.append, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 1, 2, 3]
    state["count"] += 1


def pipes():
    """Blocked in C, and what is read is whole."""
    r, w = os.pipe()
    timer = threading.Timer(0.02, os.write, (w, b"x" * 100))
    timer.start()
    assert os.read(r, 200) == b"x" * 100
    timer.join()
    begin = time.monotonic()
    time.sleep(0.01)
    assert time.monotonic() - begin >= 0.01
    with select.epoll() as poll:
        poll.register(r, select.EPOLLIN)
        assert poll.poll(0.01) == []
    os.close(r)
    os.close(w)
    state["count"] += 1


async def tasks():
    async def one(n):
        await asyncio.sleep(0.001 * (n % 3))
        return n * n
    assert sum(await asyncio.gather(*map(one, range(50)))) == 40425
    state["count"] += 1


def loop():
    asyncio.run(tasks())


hits = [0]


def alarm(_signo, _frame):
    hits[0] += 1


def registers():
    wrong = state["registers"](2000000)
    assert wrong == 0, f"registers: {wrong:#x}"
    state["count"] += 1


WORK = {"malloc": (blocks, 3), "dlopen": (libraries, 2), "fork": (forks, 1), "signal": (sums, 2),
        "threads": (short_threads, 2), "asyncio": (loop, 1), "blocked": (pipes, 3),
        "computing": (sums, 3), "single": (sums, 0), "single_malloc": (blocks, 0), "many": (None, 300),
        "registers": (registers, 2), "single_registers": (registers, 0)}


def work_until(work, end):
    try:
        while not end.is_set():
            work()
    except BaseException as error:
        state["failed"] = error
        raise


def wait_until(end):
    is_over = False
    while not is_over:
        is_over = end.wait(1)
        state["count"] += 1


def hear():
    return os.read(0, 100).decode().split()


def work_with_threads(work, n):
    """Until something is heard: on n threads, while the main one waits, or (n is 0) on this one."""
    end = threading.Event()
    threads = [threading.Thread(target=wait_until if work is None else work_until,
                                args=(end,) if work is None else (work, end), daemon=True)
               for _ in range(n)]
    for thread in threads:
        thread.start()
    print("going", flush=True)
    while n == 0 and not select.select([0], [], [], 0)[0]:
        work()
    words = hear()
    while work is None and words != ["end"]:  # 300 that come and go: their stacks and arenas, by the MB, do, too
        gc.collect()
        print("going" if words == ["go"] else "resting", flush=True)
        words = hear()
    end.set()
    for thread in threads:
        thread.join()
    assert state["failed"] is None
    return words


def main():
    what = sys.argv[1]
    work, n = WORK[what]
    if what.endswith("registers"):
        import ctypes
        state["registers"] = ctypes.CDLL(sys.argv[2]).registers_differ
        state["registers"].restype = ctypes.c_ulong
    if what == "signal":
        signal.signal(signal.SIGALRM, alarm)
        signal.setitimer(signal.ITIMER_REAL, .002, .002)
    words = work_with_threads(work, n)
    while words != ["end"]:
        if words == ["rest"]:
            gc.collect()
            print("resting", flush=True)
            words = hear()
        else:
            words = work_with_threads(work, n)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert what != "signal" or hits[0] > 0
    print("right", state["count"], flush=True)


if __name__ == "__main__":
    main()
