# SPDX-License-Identifier: MIT
"""What the build installs: into any prefix, below DESTDIR, as cpack's tarball; and what debian/ says of it."""
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
from fnmatch import fnmatch

from e2e import ROOT, Skip

JOB = ROOT / "tests" / "package" / "job.sh"


def run(*command, **more):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def version():
    text = (ROOT / "python" / "pyrec" / "_version.py").read_text(encoding="utf-8")
    return re.search(r'VERSION = "(\S+)"', text)[1]


def job(t, name, prefix):
    """What a new user does with what is installed there."""
    work = t.dir / f"job-{name}"
    (work / "bin").mkdir(parents=True)
    (work / "bin" / "python3").symlink_to(t.python)
    path = f"{prefix}/bin:{work}/bin:/usr/bin:/bin"
    run(JOB, version(), "yes" if name == "prefix" else "no", cwd=work,
        env={"PATH": path, "HOME": str(work), "PYTHONPATH": f"{prefix}/share/pyrec/python:{prefix}"})


def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*") if not path.is_dir())


def test_any_prefix(t):
    """It works from there, wherever that is; below DESTDIR the same files lie, and nothing outside."""
    prefix = t.dir / "a prefix"
    run("cmake", "--install", t.build, "--prefix", prefix)
    info = prefix / f"pyrec-{version()}.dist-info"
    run("python3", ROOT / "python" / "pack_wheel.py", "--info", info, version())
    job(t, "prefix", prefix)
    shutil.rmtree(info)
    for cache in prefix.rglob("__pycache__"):
        shutil.rmtree(cache)
    run("cmake", "--install", t.build, "--prefix", "/somewhere", env={**os.environ, "DESTDIR": str(t.dir / "dest")})
    assert files_of(t.dir / "dest" / "somewhere") == files_of(prefix)
    assert os.listdir(t.dir / "dest") == ["somewhere"]


def cpack(t, name, **more):
    # what is built is built: of make it would want to know whether each target is
    run("cpack", "-B", t.dir / name, "-D", "CPACK_CMAKE_GENERATOR=Ninja", cwd=t.build, env={**os.environ, **more})
    packed, = (t.dir / name).glob("*.tar.gz")
    return packed


def test_tarball(t):
    """cpack's: the same bytes twice, and it works where it is unpacked."""
    first = cpack(t, "one", SOURCE_DATE_EPOCH="1700000000")
    second = cpack(t, "two", SOURCE_DATE_EPOCH="1700000000")
    assert first.name == second.name == f"pyrec-{version()}-linux-{os.uname().machine}.tar.gz"
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as packed:
        assert {member.mtime for member in packed} == {1700000000}
        packed.extractall(t.dir / "unpacked")
    job(t, "tarball", t.dir / "unpacked" / first.name[:-len(".tar.gz")])


def test_no_path_of_this_machine(t):
    """What is built does not say where."""
    for name in ("record/pyrec", "record/libpyrec.so", "analyze/pyanalyze", "static/pyrec", "static/pyanalyze"):
        if (t.build / name).exists():
            program = (t.build / name).read_bytes()
            for place in (str(ROOT), str(t.build)):
                assert place.encode() not in program, (name, place)


def stanzas():
    """debian/control: [{field: text}]"""
    text = (ROOT / "debian" / "control").read_text(encoding="utf-8")
    return [dict(re.findall(r"^(\S+): *((?:.*\n)(?: .*\n)*)", stanza + "\n", re.M))
            for stanza in text.strip().split("\n\n")]


def names(field):
    return {re.match(r"[a-z0-9.+-]+", part.strip())[0] for part in re.split(r"[,|]", field) if part.strip()}


def test_debian_installs(t):
    """Each file that is installed is in one of Debian's packages, and each line of theirs stands for some."""
    run("cmake", "--install", t.build, "--prefix", "/usr", env={**os.environ, "DESTDIR": str(t.dir / "tmp")})
    # as debian/rules asks for it
    laid = [re.sub(r"^usr/share/pyrec/python/", "usr/lib/python3/dist-packages/",
                   re.sub(r"^usr/lib(64)?/pyrec/", "usr/lib/x86_64-linux-gnu/pyrec/", name))
            for name in files_of(t.dir / "tmp")]
    taken = {name: [] for name in laid}
    packages = [stanza["Package"].strip() for stanza in stanzas()[1:]]
    assert packages == ["pyrec", "python3-pyrec"]
    for package in packages:
        for line in (ROOT / "debian" / f"{package}.install").read_text(encoding="utf-8").split():
            depth = line.count("/") + 1
            found = [name for name in laid if fnmatch("/".join(name.split("/")[:depth]), line)]
            assert found, (package, line)
            for name in found:
                taken[name].append(package)
        for line in (ROOT / "debian" / f"{package}.docs").read_text(encoding="utf-8").split():
            assert (ROOT / line).is_file(), line
    assert all(len(of) == 1 for of in taken.values()), {name: of for name, of in taken.items() if len(of) != 1}
    assert taken["usr/lib/python3/dist-packages/pyrec/__init__.py"] == ["python3-pyrec"]


def test_debian_needs(t):
    """What the build asks for is in Build-Depends."""
    asked = re.findall(r"^  need\(\w+ \S+ (\S+)\)$", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"), re.M)
    assert len(asked) >= 5, asked
    missing = {*asked, "protobuf-c-compiler", "libncurses-dev", "libiberty-dev", "libdw-dev"} - names(stanzas()[0]["Build-Depends"])
    assert not missing, missing


def test_debian_tools(t):
    """debhelper understands it: the steps of a build, without doing them."""
    if not shutil.which("dh") or not shutil.which("dpkg-parsechangelog"):
        raise Skip("no debhelper here")
    folder = t.dir / "source"
    folder.mkdir()
    shutil.copytree(ROOT / "debian", folder / "debian", ignore=shutil.ignore_patterns("build", "tmp", "pyrec", "files"))
    said = run("dpkg-parsechangelog", cwd=folder)
    assert f"Version: {version()}\n" in said and "Distribution: " in said, said
    steps = run("dh", "binary", "--no-act", cwd=folder)
    assert "override_dh_auto_install" in steps and "dh_python3" in steps and "dh_gencontrol" in steps, steps
    (folder / "debian" / "files").touch()
    for package in ("pyrec", "python3-pyrec"):
        built = run("dpkg-gencontrol", f"-p{package}", "-O", "-Tdebian/none", "-fdebian/list", cwd=folder)
        assert f"Package: {package}\n" in built and "Description: " in built, built
