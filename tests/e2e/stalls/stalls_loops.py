# SPDX-License-Identifier: MIT
"""Programs for stalls_matrix: a loop of every kind that freezes now and then, and keeps a log of it.

stalls_servers has more of them. PRELUDE is the part they have in common. Arguments: LOG FREEZES DEPTH BLOCKS BUSY. `tick()` is what a
loop calls: it works for a moment, and now and then it freezes, DEPTH calls further down. It returns
True when the program shall end. The log, written then, has when each freeze began and ended, and
when tick was called: what the program itself knows of its responsiveness.
"""

PRELUDE = '''
import json, os, select, socket, sqlite3, subprocess, sys, tempfile, threading, time
LOG, FREEZES, DEPTH, BLOCKS, BUSY = (sys.argv + os.environ.get("MATRIX", "").split())[-5:]
FREEZES, DEPTH, BUSY = int(FREEZES), int(DEPTH), int(BUSY)
PERIOD = 0.02 if BUSY else 0.06   # between two calls of tick
FROZEN, BETWEEN = 0.3, 0.24
left, right = socket.socketpair()
right.settimeout(FROZEN)
lock, want, have = threading.Lock(), threading.Event(), threading.Event()
freezes, ticks = [], []
last = [0.0]

def holder():                     # holds what somebody else waits for, or writes it late
    database = None
    while True:
        want.wait()
        want.clear()
        if BLOCKS == "lock":
            with lock:
                have.set()
                time.sleep(FROZEN)
        elif BLOCKS == "sqlite":
            if database is None:
                database = sqlite3.connect(LOG + ".db", isolation_level=None)
            database.execute("BEGIN EXCLUSIVE")
            have.set()
            time.sleep(FROZEN)
            database.execute("COMMIT")
        elif BLOCKS == "read":
            time.sleep(FROZEN)
            os.write(pipe[1], b"x")
        elif BLOCKS == "semaphore":
            time.sleep(FROZEN)
            free.release()

def prepare():
    """In the process that freezes: a thread does not live through a fork."""
    global pipe, database, threads, free
    pipe, free = os.pipe(), threading.Semaphore(0)
    if BLOCKS == "future":
        import concurrent.futures
        threads = concurrent.futures.ThreadPoolExecutor(1)
    if BLOCKS in ("lock", "sqlite", "read", "semaphore"):
        threading.Thread(target=holder, name="holder", daemon=True).start()
    if BLOCKS == "sqlite":
        database = sqlite3.connect(LOG + ".db", isolation_level=None, timeout=20,
                                   check_same_thread=False)

STATEMENTS = {
    "sleep": ["time.sleep(FROZEN)"],
    "cpu": ["end = time.thread_time() + FROZEN", "while time.thread_time() < end:", "    pass"],
    "socket": ["try:", "    right.recv(1)", "except socket.timeout:", "    pass"],
    "poll": ["poll = select.poll()", "poll.register(right, select.POLLIN)",
             "poll.poll(FROZEN * 1000)"],
    "lock": ["want.set()", "while not have.is_set(): time.sleep(0.001)", "have.clear()",
             "with lock:", "    pass"],
    "sqlite": ["want.set()", "while not have.is_set(): time.sleep(0.001)", "have.clear()",
               "database.execute('BEGIN IMMEDIATE')", "database.execute('COMMIT')"],
    "read": ["want.set()", "os.read(pipe[0], 1)"],
    "subprocess": ["subprocess.run(['sleep', str(FROZEN)])"],
    "semaphore": ["want.set()", "free.acquire()"],
    "future": ["threads.submit(time.sleep, FROZEN).result()"],
}
text = ""
for d in range(1, DEPTH + 1):
    body = STATEMENTS[BLOCKS] if d == DEPTH else ["step_%d()" % (d + 1)]
    text += "def step_%d():\\n" % d + "".join("    " + line + "\\n" for line in body)
name = LOG + ".steps.py"
with open(name, "w") as file:
    file.write(text)
exec(compile(text, name, "exec"))

def freeze():
    begin = time.time()
    step_1()
    freezes.append((begin, time.time()))
    last[0] = time.time()

def tick():
    now = time.time()
    ticks.append(now)
    if last[0] == 0.0:
        last[0] = now + 0.2       # a moment until everything is there
    elif len(freezes) < FREEZES and now > last[0] + BETWEEN:
        freeze()
    elif BUSY:
        end = time.thread_time() + 0.001
        while time.thread_time() < end:
            pass
    return len(freezes) == FREEZES and now > last[0] + BETWEEN

def finish():
    with open(LOG + ".new", "w") as file:
        json.dump({"pid": os.getpid(), "thread": threading.current_thread().name,
                   "freezes": freezes, "ticks": ticks}, file)
    os.rename(LOG + ".new", LOG)
'''

# name -> what is known of a loop. needs: modules, or other things that Matrix.lacks knows; display: an X
# server; thread: whose stalls, else the main thread's; gunicorn: its options; may_doubt: it is right, too,
# to say that its idle place cannot be told.
LOOPS = {}


def loop(name, family, needs=(), env=(), text="", **more):
    LOOPS[name] = dict(name=name, family=family, needs=needs, env=dict(env), text=text, **more)


QT = '''
prepare()
from PyQt5.QtCore import QTimer
from PyQt5.QtWidgets import QApplication
app = QApplication([])
def slot():
    if tick():
        app.quit()
def main():
    timer = QTimer()
    timer.timeout.connect(slot)
    timer.start(int(PERIOD * 1000))
    app.EXEC()
main()
finish()
'''
OFFSCREEN = {"QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": "/tmp"}.items()
loop("pyqt5", "c-loop", ["PyQt5.QtWidgets"], OFFSCREEN, QT.replace("EXEC", "exec_"))
loop("pyqt6", "c-loop", ["PyQt6.QtWidgets"], OFFSCREEN,
     QT.replace("PyQt5", "PyQt6").replace("EXEC", "exec"))
loop("pyside2", "c-loop", ["PySide2.QtWidgets"], OFFSCREEN,
     QT.replace("PyQt5", "PySide2").replace("EXEC", "exec_"))
loop("qt-dialog", "nested", ["PyQt5.QtWidgets"], OFFSCREEN, QT.replace("EXEC", "exec_").replace(
    "def main():", '''def ask():
    dialog = QDialog()
    QTimer.singleShot(60000, dialog.close)
    timer = QTimer()
    timer.timeout.connect(lambda: tick() and (dialog.close(), app.quit()))
    timer.start(int(PERIOD * 1000))
    dialog.exec_()
def main():
    QTimer.singleShot(200, ask)''').replace("import QApplication", "import QApplication, QDialog")
     .replace("    timer = QTimer()\n    timer.timeout.connect(slot)\n    timer.start(int(PERIOD * 1000))\n"
              "    app", "    app"))
loop("qt-process-events", "python-loop", ["PyQt5.QtWidgets"], OFFSCREEN, '''
prepare()
from PyQt5.QtCore import QTimer
from PyQt5.QtWidgets import QApplication
app = QApplication([])
ended = []
timer = QTimer()
timer.timeout.connect(lambda: tick() and ended.append(1))
timer.start(int(PERIOD * 1000))
while not ended:
    app.processEvents()
    time.sleep(0.01)
finish()
''')
GLIB = '''
prepare()
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk
def beat():
    if tick():
        STOP
        return False
    return True
GLib.timeout_add(int(PERIOD * 1000), beat)
START
finish()
'''
loop("gtk", "c-loop", ["gi.repository.GLib", "gtk"], text=GLIB.replace("STOP", "Gtk.main_quit()")
     .replace("START", "window = Gtk.Window()\nwindow.show()\nGtk.main()"), display=True)
loop("glib", "c-loop", ["gi.repository.GLib", "gtk"],
     text=GLIB.replace("STOP", "loop.quit()").replace("START", "loop = GLib.MainLoop()\nloop.run()")
     .replace('gi.require_version("Gtk", "3.0")\n', "").replace("GLib, Gtk", "GLib"))
loop("wx", "c-loop", ["wx"], display=True, text='''
prepare()
import wx
app = wx.App()
frame = wx.Frame(None)
frame.Show()
timer = wx.Timer(frame)
frame.Bind(wx.EVT_TIMER, lambda event: tick() and frame.Destroy(), timer)
timer.Start(int(PERIOD * 1000))
app.MainLoop()
finish()
''')
TK = '''
prepare()
import tkinter
root = tkinter.Tk()
ended = []
def beat():
    if tick():
        ended.append(1)
        STOP
    else:
        root.after(int(PERIOD * 1000), beat)
root.after(100, beat)
START
finish()
'''
loop("tkinter", "c-loop", ["tkinter"], display=True,
     text=TK.replace("STOP", "root.destroy()").replace("START", "root.mainloop()"))
loop("tk-update", "python-loop", ["tkinter"], display=True, text=TK.replace("STOP", "pass").replace(
    "START", "while not ended:\n    root.update()\n    time.sleep(0.01)"))
loop("pygame", "python-loop", ["pygame"],
     {"SDL_VIDEODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}.items(), '''
prepare()
import pygame
pygame.init()
pygame.display.set_mode((100, 100))
clock = pygame.time.Clock()
while not tick():
    pygame.event.get()
    clock.tick(1 / PERIOD)
finish()
''')
loop("asyncio", "known", text='''
prepare()
import asyncio
async def main():
    while not tick():
        await asyncio.sleep(PERIOD)
asyncio.run(main())
finish()
''')
loop("asyncio-again", "again", text='''
prepare()
import asyncio
loop = asyncio.new_event_loop()
async def turn():
    for i in range(3):
        await asyncio.sleep(PERIOD / 3)
while True:
    loop.run_until_complete(turn())
    if tick():
        break
finish()
''')
loop("uvloop", "c-loop", ["uvloop"], text='''
prepare()
import asyncio, uvloop
async def main():
    while not tick():
        await asyncio.sleep(PERIOD)
uvloop.install()
asyncio.run(main())
finish()
''')
loop("uvloop-complete", "c-loop", ["uvloop"], text='''
prepare()
import asyncio, uvloop
async def work():
    while not tick():
        await asyncio.sleep(PERIOD)
def main():
    uvloop.new_event_loop().run_until_complete(work())
main()
finish()
''')
loop("tornado", "known", ["tornado.ioloop"], text='''
prepare()
import tornado.ioloop
loop = tornado.ioloop.IOLoop.current()
tornado.ioloop.PeriodicCallback(lambda: tick() and loop.stop(), PERIOD * 1000).start()
loop.start()
finish()
''')
loop("trio", "known", ["trio"], text='''
prepare()
import trio
async def main():
    while not tick():
        await trio.sleep(PERIOD)
trio.run(main)
finish()
''')
loop("eventlet", "known", ["eventlet"], text='''
prepare()
import eventlet
def work():
    while not tick():
        eventlet.sleep(PERIOD)
eventlet.spawn(work).wait()
finish()
''')
loop("gevent", "known", ["gevent"], text='''
prepare()
import gevent
def work():
    while not tick():
        gevent.sleep(PERIOD)
gevent.spawn(work).join()
finish()
''')
loop("twisted", "known", ["twisted.internet.reactor"], text='''
prepare()
from twisted.internet import reactor, task
beat = task.LoopingCall(lambda: tick() and reactor.stop())
beat.start(PERIOD)
reactor.run()
finish()
''')
THREAD = '''
prepare()
def feed(give):
    while True:
        time.sleep(PERIOD)
        try:
            give()
        except OSError:
            return
'''
loop("queue", "queue", thread="worker", text=THREAD + '''
import queue
jobs = queue.Queue()
def worker():
    while True:
        jobs.get()
        if tick():
            break
    finish()
threading.Thread(target=feed, args=(lambda: jobs.qsize() or jobs.put(1),), daemon=True).start()
thread = threading.Thread(target=worker, name="worker")
thread.start()
thread.join()
''')
loop("queue-main", "queue", text=THREAD + '''
import queue
jobs = queue.Queue()
threading.Thread(target=feed, args=(lambda: jobs.qsize() or jobs.put(1),), daemon=True).start()
def handle(job):
    return tick()
def main():
    while not handle(jobs.get()):
        pass
main()
finish()
''')
loop("futures", "queue", thread="pool_0", text='''
prepare()
import concurrent.futures
def work():
    done = tick()
    if done:
        finish()
    return done
with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="pool") as pool:
    while not pool.submit(work).result():
        time.sleep(PERIOD)
''')
loop("sleep", "python-loop", text='''
prepare()
def main():
    while True:
        time.sleep(PERIOD)
        if tick():
            break
main()
finish()
''')
loop("event", "python-loop", text='''
prepare()
stop = threading.Event()
def main():
    while not stop.wait(PERIOD):
        if tick():
            stop.set()
main()
finish()
''')
loop("sched", "python-loop", text='''
prepare()
import sched
scheduler = sched.scheduler()
def beat():
    if not tick():
        scheduler.enter(PERIOD, 1, beat)
scheduler.enter(PERIOD, 1, beat)
scheduler.run()
finish()
''')
SOCKET = THREAD + '''
here, there = socket.socketpair()
threading.Thread(target=feed, args=(lambda: here.send(b"x"),), daemon=True).start()
def main():
    while True:
        WAIT
        there.recv(1000)
        if tick():
            break
main()
finish()
'''
loop("select", "python-loop", text=SOCKET.replace("WAIT", "select.select([there], [], [], 5)"))
loop("selectors", "python-loop", text=SOCKET.replace("WAIT", "selector.select(5)").replace(
    "def main", "import selectors\nselector = selectors.DefaultSelector()\n"
    "selector.register(there, selectors.EVENT_READ)\ndef main"))
loop("epoll", "python-loop", text=SOCKET.replace("WAIT", "wait()").replace(
    "def main", "epoll = select.epoll()\nepoll.register(there, select.EPOLLIN)\n"
    "def wait():\n    return epoll.poll(5)\ndef main"))
loop("recv", "python-loop", text=SOCKET.replace("WAIT", "pass"))
loop("pipe", "python-loop", text=SOCKET.replace("WAIT", "os.read(there.fileno(), 1)").replace(
    "        there.recv(1000)\n", ""))
loop("sigwait", "python-loop", text='''
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
prepare()
signal.setitimer(signal.ITIMER_REAL, PERIOD, PERIOD)
def main():
    while True:
        signal.sigwait([signal.SIGALRM])
        if tick():
            break
main()
finish()
''')
loop("plt-pause", "again", ["matplotlib.pyplot", "PyQt5.QtWidgets"],
     [("MPLBACKEND", "Qt5Agg")], display=True, text='''
prepare()
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.show(block=False)
def main():
    while True:
        plt.pause(PERIOD)
        if tick():
            break
main()
finish()
''')
loop("plt-pause-agg", "again", ["matplotlib.pyplot"], [("MPLBACKEND", "agg")],
     text=LOOPS["plt-pause"]["text"])
loop("tk-dialog", "nested", ["tkinter"], display=True, text='''
prepare()
import tkinter
root = tkinter.Tk()
def ask():
    top = tkinter.Toplevel(root)
    def beat():
        if tick():
            top.destroy()
        else:
            top.after(int(PERIOD * 1000), beat)
    top.after(50, beat)
    root.wait_window(top)
    root.destroy()
root.after(200, ask)
root.mainloop()
finish()
''')
loop("gtk-dialog", "nested", ["gi.repository.GLib", "gtk"], display=True, text='''
prepare()
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk
def ask():
    dialog = Gtk.Dialog()
    def beat():
        if tick():
            dialog.response(0)
            return False
        return True
    GLib.timeout_add(int(PERIOD * 1000), beat)
    dialog.run()
    Gtk.main_quit()
GLib.timeout_add(200, ask)
Gtk.main()
finish()
''')
loop("condition", "python-loop", text=THREAD + '''
condition, jobs = threading.Condition(), []
def give():
    with condition:
        jobs.append(1)
        condition.notify()
threading.Thread(target=feed, args=(give,), daemon=True).start()
def main():
    while True:
        with condition:
            while not jobs:
                condition.wait()
            jobs.clear()
        if tick():
            break
main()
finish()
''')
loop("lines", "python-loop", text=THREAD + '''
here, there = os.pipe()
threading.Thread(target=feed, args=(lambda: os.write(there, b"job\\n"),), daemon=True).start()
def main(stream):
    for line in stream:
        if tick():
            break
main(open(here))
finish()
''')
loop("mini-loop", "own-loop", may_doubt=True, text=THREAD + '''
here, there = socket.socketpair()
threading.Thread(target=feed, args=(lambda: here.send(b"x"),), daemon=True).start()
class Loop:
    def __init__(self):
        self.handlers, self.running = {}, True
    def wait(self):
        return select.select(list(self.handlers), [], [], 5)[0]
    def dispatch(self, ready):
        for source in ready:
            self.handlers[source](source)
    def run(self):
        while self.running:
            self.dispatch(self.wait())
def on_data(source):
    source.recv(1000)
    if tick():
        loop.running = False
loop = Loop()
loop.handlers[there] = on_data
loop.run()
finish()
''')
