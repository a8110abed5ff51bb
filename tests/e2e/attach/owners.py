# SPDX-License-Identifier: MIT
"""pyrec dump: who holds what a thread waits for, where that can be proved; else nothing is said."""
from dump import Program, dump, look, named


def test_the_owner_of_a_mutex(t):
    library = t.library("mutex", """
#include <pthread.h>
#include <unistd.h>
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile int kept;
void keep(void) { pthread_mutex_lock(&mutex); kept = 1; for (;;) pause(); }
void want(void) { while (!kept) usleep(1000); pthread_mutex_lock(&mutex); }
""")
    program = Program(t, f"""
import ctypes, threading, time
library = ctypes.CDLL({library!r})
threading.Thread(target=library.keep, name="keeps", daemon=True).start()
threading.Thread(target=library.want, name="wants", daemon=True).start()
print("up", flush=True)
time.sleep(1000)
""").rest()
    threads = named(dump(t, program.pid))
    assert threads["wants"]["call"] == "futex", threads["wants"]
    assert threads["wants"]["waits_for"] == \
        f"a mutex that thread {threads['keeps']['tid']} holds", threads["wants"]
    assert threads["wants"]["held_by"] == threads["keeps"]["tid"], threads["wants"]


def test_the_owner_of_an_rlock(t):
    """Of each lock that has an owner, however it is waited for; of a plain one nothing is said."""
    program = Program(t, """
import threading, time
lock, other, old, lost, plain = (threading.RLock(), threading.RLock(), threading._PyRLock(),
                                 threading.RLock(), threading.Lock())
class Own(type(lock)): pass
own, condition, has_ended = Own(), threading.Condition(), threading.Event()
all_held = threading.Barrier(4)
def keeps(*locks):
    for one in locks: one.acquire()
    all_held.wait()
    time.sleep(1000)
def acquires(one):
    one.acquire()
def enters(one):
    with one: pass
def waits_a_while(one, a=1, b=2, c=3):
    x, y, z = a, b, c
    one.acquire(True, 900.0)
def ends():
    lost.acquire()
def follows(one):
    has_ended.wait()
    one.acquire()
def start(work, *args, name=None):
    thread = threading.Thread(target=work, args=args, name=name or work.__name__, daemon=True)
    thread.start()
    return thread
start(keeps, lock, old, name="one keeps \u00e9")
start(keeps, other, own, name="other keeps")
start(keeps, condition, plain, name="third")
all_held.wait()
start(acquires, lock, name="a-lock")
start(enters, lock, name="e-lock")
start(waits_a_while, lock, name="w-lock")
start(enters, other, name="e-other")
start(acquires, old, name="a-old")
start(enters, old, name="e-old")
start(enters, own, name="e-own")
start(enters, condition, name="e-condition")
start(acquires, plain, name="a-plain")
start(enters, plain, name="e-plain")
start(follows, lost, name="a-lost")
start(ends).join()  # nobody starts afterwards, who would get its number, and so the lock
has_ended.set()
print("up", flush=True)
time.sleep(1000)
""").rest()
    threads = named(dump(t, program.pid))
    text = look(t, "dump", program.pid).stdout
    for name, keeper in (("a-lock", "one keeps \u00e9"), ("e-lock", "one keeps \u00e9"),
                         ("w-lock", "one keeps \u00e9"), ("a-old", "one keeps \u00e9"),
                         ("e-old", "one keeps \u00e9"), ("e-other", "other keeps"),
                         ("e-own", "other keeps"), ("e-condition", "third")):
        tid = threads[keeper]["tid"]
        assert threads[name]["held_by"] == tid, (name, threads[name])
        assert threads[name]["waits_for"] == f"an RLock, held by {keeper} ({tid})", threads[name]
    assert f"(an RLock, held by other keeps ({threads['other keeps']['tid']}), at 0x" in text, text
    assert threads["a-lost"]["held_by"] is None, threads["a-lost"]
    assert threads["a-lost"]["waits_for"] == "an RLock, held by none of these threads", threads
    for name in ("a-plain", "e-plain", "third", "MainThread"):
        assert threads[name]["held_by"] is threads[name]["waits_for"] is None, threads[name]
