# SPDX-License-Identifier: MIT
"""The wheel: built here, the same twice, and installed where nothing of pyrec's is."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

from e2e import IS_FULL, ROOT, Skip

LIBRARIES = ("libzstd-dev", "libprotobuf-c-dev", "libpcre2-dev", "libjansson-dev", "zlib1g-dev",
             "libncurses-dev", "libiberty-dev")  # linked statically
wheels = {}  # of a build tree: name and bytes
PROGRAM = """
import pyrec, sys, time
with pyrec.record("code.trace", 500) as recording:
    end = time.monotonic() + 0.2
    while time.monotonic() < end: sum(range(100))
print(sum(row["ticks"] for row in recording.lines()) > 10)
"""


def clean(t, **more):
    """An environment in which only what is installed can be found."""
    kept = {key: value for key, value in os.environ.items()
            if key not in ("PYREC_HOME", "PYTHONPATH", "LD_LIBRARY_PATH")}
    return {**kept, "PATH": "/usr/bin:/bin", "HOME": str(t.dir), **more}


def most_of_glibc():
    """2.34 is what programs built on Debian 12 need, and on older systems no more; newer ones have newer names."""
    here = int(os.confstr("CS_GNU_LIBC_VERSION").split()[1].split(".")[1])
    return here if here > 36 else 34


def build(t, folder, **more):
    """Of what the tests' own tree has built already."""
    done = subprocess.run([ROOT / "python" / "build-wheel.sh", folder, t.build], capture_output=True, text=True,
                          env={**os.environ, "PYREC_GLIBC_MAX": f"2.{most_of_glibc()}", **more})
    if done.returncode and ("no archives to link" in done.stderr or "a wheel wants" in done.stderr):
        raise Skip(re.search("no archives to link.*|.*a wheel wants.*", done.stderr)[0])
    assert done.returncode == 0, done.stdout + done.stderr
    return pathlib.Path(done.stdout.splitlines()[-1])


def pack(t, folder, most, epoch):
    """Once more of what build() has laid out."""
    (t.dir / folder).mkdir()
    return subprocess.run([sys.executable, ROOT / "python" / "pack_wheel.py", t.build / "wheel.stage", t.dir / folder, most],
                          capture_output=True, text=True, env={**os.environ, "SOURCE_DATE_EPOCH": epoch})


def wheel_of(t):
    """The one that test_contents has looked at, if it has."""
    if t.build not in wheels:
        return build(t, t.dir / "dist")
    name, content = wheels[t.build]
    (t.dir / name).write_bytes(content)
    return t.dir / name


def interpreters(t):
    listed = subprocess.run([ROOT / "tests" / "interpreters.sh", t.build], capture_output=True, text=True,
                            env={**os.environ, "PYREC_FETCH": "no"}).stdout
    return [line.split() for line in listed.splitlines() if re.match(r"\d+\.\d+", line)]


def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != "__pycache__"
                  and path.suffix != ".pyc")


def test_contents(t):
    """Of one source the same bytes; its own digests are right, programs need glibc only, licences are in it."""
    first = build(t, t.dir / "first", SOURCE_DATE_EPOCH="1700000000")
    second = build(t, t.dir / "second", SOURCE_DATE_EPOCH="1700000000", TZ="Asia/Tokyo")
    assert first.name == second.name and first.read_bytes() == second.read_bytes()
    wheels[t.build] = first.name, first.read_bytes()
    version = re.search(r'VERSION = "(\S+)"', (ROOT / "python" / "pyrec" / "_version.py").read_text())[1]
    named = re.fullmatch(rf"pyrec-{re.escape(version)}-py3-none-manylinux_2_(\d+)_\w+\.whl", first.name)
    assert named and int(named[1]) <= most_of_glibc(), first.name
    with zipfile.ZipFile(first) as wheel:
        names = wheel.namelist()
        licences = {name.rpartition("licenses/")[2] for name in names if "licenses/" in name}
        assert licences == {"LICENSE", "THIRD-PARTY.md"} | {f"{one}.copyright" for one in LIBRARIES}, licences
        assert f"Version: {version}\n" in wheel.read(f"pyrec-{version}.dist-info/METADATA").decode()
        program = t.dir / "pyrec"
        program.write_bytes(wheel.read("pyrec/programs/bin/pyrec"))
    needed = set(re.findall(r"NEEDED\s+(\S+)", subprocess.run(
        ["objdump", "-p", program], capture_output=True, text=True, check=True).stdout))
    assert needed <= {"libc.so.6", "libm.so.6"}, needed
    third = pack(t, "third", f"2.{most_of_glibc()}", "1700000010")
    assert third.returncode == 0, third
    assert second.read_bytes() != pathlib.Path(third.stdout.splitlines()[-1]).read_bytes()
    failed = pack(t, "old", "2.17", "1700000000")
    assert failed.returncode != 0 and "more than 2.17" in failed.stderr, failed
    assert not (t.dir / "old").exists() or not list((t.dir / "old").iterdir())


def pips_of(python):
    """The pip that it would put into a venv, as a wheel that can be run."""
    return subprocess.run([python, "-c", "import ensurepip, os, glob; print(*glob.glob(os.path.join("
                           "os.path.dirname(ensurepip.__file__), '_bundled', 'pip-*.whl')))"],
                          capture_output=True, text=True).stdout.split()


def pip_for(python, others):
    """Its own, or, as Debian's have none, the newest of the others'."""
    def age(path):
        return [int(n) for n in re.findall(r"\d+", os.path.basename(path))]
    own = pips_of(python)
    all_ = [pip for other in others for pip in pips_of(other)] if not own else own
    return max(all_, key=age, default=None)


def pip_runs(folder, pip):
    """Older ones do not, in the newest interpreters."""
    return subprocess.run([folder / "bin" / "python", "-m", "pip", "list", "--disable-pip-version-check"],
                          capture_output=True, env={**os.environ, "PYTHONPATH": pip}).returncode == 0


def venv(t, python, version):
    """The folder of one without pip; None where this interpreter has no module for it."""
    folder = t.dir / f"venv-{version}"
    done = subprocess.run([python, "-m", "venv", "--without-pip", "--symlinks", folder], capture_output=True)
    return folder if done.returncode == 0 else None


def check_installed(t, folder, pip, wheel):
    """Installed, at work, taken out again, nothing left."""
    python = folder / "bin" / "python"
    env = clean(t, PYTHONPATH=pip, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_ROOT_USER_ACTION="ignore")
    before = files_of(folder)
    done = subprocess.run([python, "-m", "pip", "install", "--no-index", "--no-compile", "-q", wheel],
                          capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    work = t.dir / "work"
    work.mkdir(exist_ok=True)

    def run(*command):
        done = subprocess.run(command, capture_output=True, text=True, cwd=work, env=clean(t), timeout=120)
        assert done.returncode == 0, (command, done)
        return done.stdout

    scripts = folder / "bin"
    has_ctypes = subprocess.run([python, "-c", "import ctypes"], capture_output=True).returncode == 0
    if has_ctypes:
        assert run(python, "-c", PROGRAM) == "True\n"
    run(scripts / "pyrec", "-q", "-o", "command.trace", "--", python, "-c", "sum(range(3000000))")
    assert "MainThread" in run(scripts / "pyanalyze", "lines", "command.trace")
    run(python, "-m", "pyrec", "-q", "-o", "module.trace", "-c", "sum(range(3000000))")
    assert "MainThread" in run(python, "-m", "pyrec.analyze", "lines", "module.trace")
    run(scripts / "pyanalyze", "report", "--output", "page.html", "command.trace")
    assert (folder / "share" / "man" / "man1" / "pyrec.1").exists()
    done = subprocess.run([python, "-m", "pip", "uninstall", "-q", "-y", "pyrec"], capture_output=True,
                          text=True, env=env)
    assert done.returncode == 0, done.stderr
    left = set(files_of(folder)) - set(before) - {"share", "share/man", "share/man/man1"}
    assert not left, left
    shutil.rmtree(folder)


def chosen(found):
    """All with PYREC_MATRIX=full, else the oldest and the newest, with the pips of their times."""
    if IS_FULL or len(found) < 3:
        return found
    by_age = sorted(found, key=lambda one: [int(n) for n in re.findall("[0-9]+", one[0])])
    return [by_age[0], by_age[-1]]


def test_installed(t):
    """In venvs of interpreters that are here."""
    wheel = wheel_of(t)
    tried = []
    found = [line[:2] for line in interpreters(t)] or [["own", sys.executable]]
    for version, python in chosen(found):
        folder = venv(t, python, version)
        pip = pip_for(python, [other for _, other in found])
        if folder is None or pip is None or not pip_runs(folder, pip):
            print(f"  {version}: no venv, or no pip that runs in it: not tried")
            continue
        tried.append(version)
        check_installed(t, folder, pip, wheel)
    if not tried:
        raise Skip("no interpreter has venv and pip")
    print(f"  installed with {' '.join(tried)}")
