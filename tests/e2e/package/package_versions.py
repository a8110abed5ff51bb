# SPDX-License-Identifier: MIT
"""One version number: python/pyrec/_version.py has it, and all that says one says this one."""
import os
import re
import subprocess

from e2e import ROOT
from package import environment

NUMBER = r"(\d+\.\d+\.\d+)"


def first(pattern, text):
    found = re.search(pattern, text, re.M)
    assert found, (pattern, text[:200])
    return found[1]


def read(*names):
    return ROOT.joinpath(*names).read_text(encoding="utf-8")


def test_all_agree(t):
    """Programs, package, man pages, changelogs, what a trace says of who wrote it, and the names of packages."""
    wanted = first(rf'^VERSION = "{NUMBER}"$', read("python", "pyrec", "_version.py"))

    def says(*command):
        done = subprocess.run(command, capture_output=True, text=True, cwd=t.dir, timeout=60, env=environment(t))
        assert done.returncode == 0 and not done.stderr, (command, done)
        return done.stdout
    for name, program in (("pyrec", t.pyrec), ("pyanalyze", t.pyanalyze)):
        assert says(program, "--version") == f"{name} {wanted}\n"
        module = {"pyrec": "pyrec", "pyanalyze": "pyrec.analyze"}[name]
        assert says(t.python, "-m", module, "--version") == f"{name} {wanted}\n"
    assert says(t.python, "-c", "import pyrec; print(pyrec.__version__)") == wanted + "\n"
    static = t.build / "static"
    for name in os.listdir(static) if static.exists() else []:
        assert says(static / name, "--version") == f"{name} {wanted}\n"
    said = {
        "pyrec.1": first(rf"^\.Os pyrec {NUMBER}$", (t.build / "record" / "pyrec.1").read_text(encoding="utf-8")),
        "pyanalyze.1": first(rf'^\.TH PYANALYZE 1 "" "pyrec {NUMBER}"$', read("analyze", "pyanalyze.1")),
        "help --man": first(rf'^\.TH PYANALYZE 1 "" "pyrec {NUMBER}"$', t.analyze("help", "--man")),
        "CHANGELOG.md": first(rf"^## {NUMBER}\b", read("CHANGELOG.md")),
        "debian/changelog": first(rf"\Apyrec \({NUMBER}\) ", read("debian", "changelog")),
        "cpack": first(rf'^set\(CPACK_PACKAGE_FILE_NAME "pyrec-{NUMBER}-',
                       (t.build / "CPackConfig.cmake").read_text(encoding="utf-8")),
        "a trace": first(rf"^pyrec {NUMBER}$",
                         t.info(t.record("-c", "sum(range(100000))").trace)["recordings"][0]["recorder"]),
    }
    assert set(said.values()) == {wanted}, (wanted, said)


def test_written_once(t):
    """Nobody else has the number by hand: what builds, installs or packs reads it there."""
    number = first(rf'^VERSION = "{NUMBER}"$', read("python", "pyrec", "_version.py"))
    listed = subprocess.run(["git", "-C", ROOT, "grep", "-lF", number, "--", "*.c", "*.h", "*.cmake", "*.sh",
                             "*.py", "*.in", "CMakeLists.txt", "*/CMakeLists.txt", "record/pyrec.1", "debian/rules"],
                            capture_output=True, text=True)
    if listed.returncode in (0, 1):  # it is a clone
        assert listed.stdout.split() == ["python/pyrec/_version.py"], listed.stdout
