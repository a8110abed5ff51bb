# SPDX-License-Identifier: MIT
"""pyrec -p: programs with a window. Their loops, which wait in calls of other libraries, go on as ever: no timer
comes too early, no call is cut short, nothing is printed."""
import os
import subprocess

from attach import need_attaching
from e2e import Skip, Started, wide
from reach import run
from screen import screen
from strange import still_right

BEGIN = """
import os, sys, time
ticks, said = [time.monotonic()], []
def tick():
    assert sum(range(100000)) == 4999950000
    ticks.append(time.monotonic())
    if len(ticks) == 5:
        print("ready", flush=True)
def heard():
    said.append(os.read(0, 100))
def check():
    gaps = [b - a for a, b in zip(ticks, ticks[1:])]
    assert said == [b"end\\n"] and len(gaps) > 5 and min(gaps[1:]) > 0.0045, (said, min(gaps), len(gaps))
    print("done", flush=True)
"""

TK = BEGIN + """
import tkinter
root = tkinter.Tk()
tkinter.Label(root, text="hello").pack()
def again():
    tick()
    root.after(5, again)
root.after(5, again)
root.createfilehandler(0, tkinter.READABLE, lambda *_: (heard(), root.quit()))
root.mainloop()
check()
"""

QT = BEGIN + """
from PyQt5.QtCore import QSocketNotifier, Qt, QTimer
from PyQt5.QtWidgets import QApplication, QLabel
app = QApplication([])
label = QLabel("hello")
label.show()
timer = QTimer()
timer.setTimerType(Qt.PreciseTimer)
timer.setSingleShot(True)
def again():
    tick()
    timer.start(5)
timer.timeout.connect(again)
timer.start(5)
notifier = QSocketNotifier(0, QSocketNotifier.Read)
notifier.activated.connect(lambda *_: (heard(), app.quit()))
app.exec_()
check()
"""

GTK = BEGIN + """
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk
window = Gtk.Window()
window.add(Gtk.Label(label="hello"))
window.show_all()
def again():
    tick()
    GLib.timeout_add(6, again)  # which rounds
GLib.timeout_add(6, again)
GLib.io_add_watch(0, GLib.IO_IN, lambda *_: (heard(), Gtk.main_quit()))
Gtk.main()
check()
"""


def need_module(t, code, package):
    if subprocess.run([t.python, "-c", code], capture_output=True).returncode:
        raise Skip(f"this interpreter has no such module ({package})")


def check(t, source, **environment):
    program = Started([t.python, t.file("window.py", source)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                      stderr=subprocess.PIPE, text=True,
                      env={**os.environ, "NO_AT_BRIDGE": "1", "XDG_RUNTIME_DIR": str(t.dir), **environment})
    t.at_end.append(program.kill)
    assert program.stdout.readline() == "ready\n", program.stderr.read()
    still_right(t, program)
    text = ""
    for _ in range(20):  # where others want all CPUs, there may be next to nothing in half a second
        if "tick" in text:
            break
        trace = t.trace()
        done = run(t, "-p", program.pid, "-o", trace, "-r", "1000", "--duration", "0.5s")
        assert done.returncode == 0, done
        text = t.analyze("export", "--format", "folded", trace, ok=(0, 5))
    assert "tick" in text, text
    out, err = program.communicate("end\n", timeout=60)
    assert (program.returncode, out, err) == (0, "done\n", ""), (out, err)


def test_tkinter(t):
    need_attaching()
    need_module(t, "import tkinter", "python3-tk")
    with screen() as display:
        check(t, TK, DISPLAY=display)


def test_qt(t):
    need_attaching()
    need_module(t, "import PyQt5.QtWidgets", "python3-pyqt5")
    check(t, QT, QT_QPA_PLATFORM="offscreen")


@wide
def test_gtk(t):
    need_attaching()
    need_module(t, "import gi; gi.require_version('Gtk', '3.0'); from gi.repository import Gtk", "gir1.2-gtk-3.0")
    with screen() as display:
        check(t, GTK, DISPLAY=display)
