# SPDX-License-Identifier: MIT
"""The same stalls in programs with a window, with greenlets, and in a worker with a queue."""
import subprocess

from e2e import Skip
from screen import screen
from stalls import INJECT, check, record

TK = INJECT + '''
import tkinter
root = tkinter.Tk()
tkinter.Label(root, text="hello").pack()
def step(n):
    if n == len(KINDS):
        root.after(100, root.destroy)
        return
    inject(KINDS[n])
    root.after(300, step, n + 1)
def blink():
    root.after(20, blink)
root.after(20, blink)
root.after(300, step, 0)
root.mainloop()
print(json.dumps(truth))
'''

QT = INJECT + '''
from PyQt5.QtCore import QTimer
from PyQt5.QtWidgets import QApplication, QLabel
app = QApplication([])
label = QLabel("hello")
label.show()
def step(n):
    if n == len(KINDS):
        QTimer.singleShot(100, app.quit)
        return
    inject(KINDS[n])
    QTimer.singleShot(300, lambda: step(n + 1))
blink = QTimer()
blink.timeout.connect(lambda: None)
blink.start(20)
QTimer.singleShot(300, lambda: step(0))
app.exec_()
print(json.dumps(truth))
'''

GEVENT = INJECT + '''
import gevent
def work():
    for kind in KINDS:
        gevent.sleep(0.3)
        inject(kind)
    gevent.sleep(0.1)
gevent.joinall([gevent.spawn(work)])
print(json.dumps(truth))
'''

WORKER = INJECT + '''
import queue
jobs = queue.Queue()
def work():
    while True:
        kind = jobs.get()
        if kind is None:
            break
        inject(kind)
worker = threading.Thread(target=work, name="worker")
worker.start()
for kind in KINDS:
    time.sleep(0.3)
    jobs.put(kind)
    while not truth or truth[-1][0] != kind or not jobs.empty():
        time.sleep(0.02)
time.sleep(0.3)
jobs.put(None)
worker.join()
print(json.dumps(truth))
'''


def test_tkinter(t):
    if subprocess.run([t.python, "-c", "import tkinter"], capture_output=True).returncode:
        raise Skip("this interpreter has no tkinter (python3-tk)")
    with screen() as display:
        run, truth = record(t, "gui.py", TK, env={"DISPLAY": display})
    check(t, run, truth)
    assert "mainloop" in t.analyze("stalls", run.trace)


def test_qt(t):
    if subprocess.run([t.python, "-c", "import PyQt5.QtWidgets"],
                      capture_output=True).returncode:
        raise Skip("this interpreter has no PyQt5 (python3-pyqt5)")
    run, truth = record(t, "qt.py", QT, env={"QT_QPA_PLATFORM": "offscreen"})
    check(t, run, truth)


def test_gevent(t):
    """What the hub lets work has a stack of its own, without the hub."""
    if subprocess.run([t.python, "-c", "import gevent"], capture_output=True).returncode:
        raise Skip("this interpreter has no gevent (python3-gevent)")
    run, truth = record(t, "greenlets.py", GEVENT)
    check(t, run, truth)


def test_worker(t):
    """Not the main thread, and a queue instead of an event loop."""
    run, truth = record(t, "worker.py", WORKER)
    check(t, run, truth, "--thread", "worker")
