# SPDX-License-Identifier: MIT
"""Interpreters in other clothes: inside a C program, in a virtual environment, a debug build."""
import os
import pathlib
import shutil
import subprocess

from e2e import Skip, wide

SCRIPT = ("import sys, time\n"
          "def embedded(seconds):\n"
          "    end = time.thread_time() + seconds\n"
          "    while time.thread_time() < end: pass\n"
          "embedded(0.5)\n"
          "print('ran', *sys.argv[1:])\n")

MAIN = r"""
#include <Python.h>
/* The old way, with wide arguments. */
int main(int argc, char **argv)
{
    wchar_t **wide = PyMem_RawMalloc(((size_t)argc + 1) * sizeof *wide);
    for (int i = 0; i <= argc; i++)
        wide[i] = i < argc ? Py_DecodeLocale(argv[i], NULL) : NULL;
    return Py_Main(argc, wide);
}
"""

RUN_MAIN = r"""
#include <Python.h>
/* The new way, with a configuration. */
int main(int argc, char **argv)
{
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    PyStatus status = PyConfig_SetBytesArgv(&config, argc, argv);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    return PyStatus_Exception(status) ? 9 : Py_RunMain();
}
"""

CALLS = r"""
#include <Python.h>
#include <pthread.h>
#include <stdio.h>
/* A C program of its own that calls Python now and then, from a thread of its own, too. */
static const char script[] =
    "import time\n"
    "def embedded(seconds):\n"
    "    end = time.thread_time() + seconds\n"
    "    while time.thread_time() < end: pass\n";
static void *from_thread(void *unused)
{
    const PyGILState_STATE state = PyGILState_Ensure();
    PyRun_SimpleString("embedded(0.3)\n");
    PyGILState_Release(state);
    return unused;
}
int main(void)
{
    pthread_t thread;
    for (int i = 0; i < 2; i++) { /* twice: begun again after its end */
        Py_Initialize();
        PyRun_SimpleString(script);
        PyRun_SimpleString("embedded(0.3)\n");
        PyThreadState *const state = PyEval_SaveThread();
        pthread_create(&thread, NULL, from_thread, NULL);
        pthread_join(thread, NULL);
        PyEval_RestoreThread(state);
        if (Py_FinalizeEx() != 0)
            return 8;
    }
    puts("ran");
    return 3;
}
"""


def program(t, source):
    """Compile and link a C program with this interpreter's library."""
    real = pathlib.Path(os.path.realpath(t.python))
    own = subprocess.run([t.python, "-c", "import sysconfig; print(sysconfig.get_config_var('LDVERSION'))"],
                         capture_output=True, text=True, check=True).stdout.strip()
    config = real.with_name(f"python{own}-config")  # with a "t", without a GIL
    if not config.exists():
        config = real.with_name(f"python{t.version[0]}.{t.version[1]}-config")
    if not config.exists() or not shutil.which("gcc"):
        raise Skip(f"no {config.name} (python3-dev) or no gcc here")
    def flags(*which):
        return subprocess.run([str(config), *which], capture_output=True, text=True,
                              check=True).stdout.split()
    path = t.file("program.c", source)
    binary = str(t.dir / "program")
    link = flags("--ldflags", "--embed")
    done = subprocess.run(["gcc", "-o", binary, path, *flags("--includes"), *link,
                           "-Wl,--export-dynamic",
                           *[f"-Wl,-rpath,{flag[2:]}" for flag in link if flag.startswith("-L")]],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip(f"its library cannot be linked: {done.stderr.strip().splitlines()[-1]}")
    plain = subprocess.run([binary, "-c", "pass"], capture_output=True, text=True,
                           env=environment(t))
    if plain.returncode not in (0, 3):
        raise Skip(f"it does not run without pyrec either: {plain.stderr.strip()[-200:]}")
    return binary


def environment(t):
    """Where such a program finds the standard library."""
    prefix = subprocess.run([t.python, "-c", "import sys; print(sys.base_prefix)"],
                            capture_output=True, text=True, check=True).stdout.strip()
    return dict(os.environ, PYTHONHOME=prefix)


def ticks(t, trace):
    return sum(row["ticks_cum"] for row in t.rows("functions", trace)
               if row["function"] == "embedded")


def check_main(t, source):
    binary = program(t, source)
    run = t.command([binary, t.file("script.py", SCRIPT), "a", "b"], ["-r", "1k"],
                    env=environment(t))
    assert run.status == 0 and run.out == "ran a b\n", (run.status, run.out, run.err)
    assert ticks(t, run.trace) > 250, run.err


def test_py_main(t):
    if t.version >= (3, 15):
        raise Skip("Py_Main is on its way out")
    check_main(t, MAIN)


def test_py_run_main(t):
    check_main(t, RUN_MAIN)


@wide
def test_begun_twice(t):
    """Py_Initialize, Py_Finalize, and once more; Python called from a thread of C."""
    binary = program(t, CALLS)
    run = t.command([binary], ["-r", "1k"], env=environment(t))
    assert run.status == 3 and run.out == "ran\n", (run.status, run.out, run.err)
    assert ticks(t, run.trace) > 400, (ticks(t, run.trace), run.err)


@wide
def test_virtual_environment(t):
    home = t.dir / "environment"
    made = subprocess.run([t.python, "-m", "venv", "--without-pip", str(home)],
                          capture_output=True, text=True)
    if made.returncode != 0:
        raise Skip(f"no venv here: {(made.stdout + made.stderr).strip()[-200:]}")
    for links in ((), ("--copies",)):
        subprocess.run([t.python, "-m", "venv", "--without-pip", *links, "--clear", str(home)],
                       check=True, capture_output=True)
        run = t.command([str(home / "bin" / "python"), t.file("script.py", SCRIPT)], ["-r", "1k"])
        if run.status != 0 and links:
            continue  # a copied executable may not find its library, without pyrec neither
        assert run.out == "ran\n", (run.out, run.err)
        assert ticks(t, run.trace) > 250, run.err


def test_debug_build(t):
    found = [name for name in (f"python{t.version[0]}.{t.version[1]}-dbg",
                               f"python{t.version[0]}.{t.version[1]}d") if shutil.which(name)]
    if not found:
        raise Skip("no debug build of this version here")
    run = t.command([found[0], t.file("script.py", SCRIPT)], ["-r", "1k"])
    assert run.status == 0 and run.out == "ran\n", (run.out, run.err)
    assert ticks(t, run.trace) > 250, run.err
    assert "debug" in t.analyze("info", run.trace)
