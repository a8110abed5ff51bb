# SPDX-License-Identifier: MIT
"""Names of C functions that debug information has, afterwards: the right ones, or none."""
import http.server
import os
import pathlib
import platform
import random
import re
import shutil
import subprocess
import threading

from e2e import Skip, wide

# The linker knows "visible" only. MARK is another build, of the same names elsewhere.
SOURCE = """
#ifdef MARK
int mark[4] = {MARK};
long first_of_all(long n);
__attribute__((noinline)) long first_of_all(long n) { return n + mark[n & 3]; }
#endif
static volatile long sink;
static inline __attribute__((always_inline)) long mixed(long x)
{
    for (int i = 0; i < 1000; i++)
        x = x * 6364136223846793005 + (x >> 7);   /* mixed */
    return x;
}
static inline __attribute__((always_inline)) long twice(long x)
{
    x = mixed(x);   /* twice, first */
    return mixed(x + 1);   /* twice, second */
}
__attribute__((noinline)) static long hidden(long n)
{
    long x = n;
    while (n-- > 0)
        x = twice(x);   /* hidden */
    return x;
}
__attribute__((noinline)) static long beside(long n)
{
    long x = 1;
    while (n-- > 0)
        x += sink;
    return x;
}
void visible(long n);
void visible(long n) { sink = hidden(n) + beside(100 * n); }
"""

PROGRAM = """
import ctypes, sys, time
library = ctypes.CDLL(sys.argv[1])
end = time.monotonic() + 0.7
while time.monotonic() < end:
    library.visible(ctypes.c_long(1000))
"""


class Library:
    """Of C, stripped; and what was stripped from it."""
    def __init__(self, t, name, *options):
        if not shutil.which("objcopy"):
            raise Skip("no objcopy here")
        folder = t.dir / name
        folder.mkdir(exist_ok=True)
        self.path, self.debug = str(folder / "libwork.so"), str(folder / "libwork.debug")
        t.compile(self.path, SOURCE, "-shared", "-fPIC", "-g", "-O2", "-Wl,--build-id", *options)
        run("objcopy", "--only-keep-debug", self.path, self.debug)
        run("strip", "--strip-unneeded", self.path)
        notes = subprocess.run(["readelf", "-n", self.path], capture_output=True, text=True, check=True).stdout
        self.build_id = re.search(r"Build ID: ([0-9a-f]+)", notes)[1]

    def put(self, folder, file=None):
        """Where debug files are looked for by build-id."""
        to = pathlib.Path(folder) / ".build-id" / self.build_id[:2] / f"{self.build_id[2:]}.debug"
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file or self.debug, to)
        return to


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stderr)


def need(t):
    if platform.machine() != "x86_64":
        raise Skip("C frames are told on x86-64")
    done = subprocess.run([t.pyanalyze, "symbols", "/dev/null"], capture_output=True, text=True)
    if "without libdw" in done.stderr:
        raise Skip("built without libdw")
    t.need_ctypes()


def recorded(t, library, option="--native"):
    done = t.record(t.file("symbols.py", PROGRAM), library.path, options=[option])
    return done.trace


def names_in(t, trace, library, *options):
    """Function -> samples, of this library."""
    rows = t.rows("functions", trace, "--merge-threads", "--full-paths", "--columns",
                  "samples_cum,module,file,line,function", *options)
    return {row["function"]: row for row in rows if row["module"].endswith("libwork.so")}


def symbols(t, trace, *options, env=None):
    """The row of the library."""
    t_env = dict(os.environ, DEBUGINFOD_CACHE_PATH=str(t.dir / "cache"))
    t_env.pop("DEBUGINFOD_URLS", None)
    t_env.update(env or {})
    done = subprocess.run([t.pyanalyze, "symbols", "--format", "json", *options, trace],
                          capture_output=True, text=True, timeout=300, env=t_env)
    assert done.returncode == 0, (done.returncode, done.stderr)
    import json
    rows = [row for row in json.loads(done.stdout) if row["object"].endswith("libwork.so")]
    assert len(rows) == 1, rows
    return rows[0]


def is_hidden(names):
    return [name for name in names if re.fullmatch(r"libwork\.so\+0x[0-9a-f]+", name)]


def line_of(mark):
    return next(n for n, line in enumerate(SOURCE.split("\n"), 1) if mark in line)


def test_named(t):
    """+0x.. before; name, file and line afterwards, in every command, and the trace as it was."""
    need(t)
    library = Library(t, "one")
    trace = recorded(t, library)
    whole = pathlib.Path(trace).read_bytes()
    before = names_in(t, trace, library)
    assert len(is_hidden(before)) == 2 and "visible" in before, before
    assert not symbols(t, trace)["debug_file"].startswith("/"), "found without being there"
    library.put(t.dir / "debug")
    row = symbols(t, trace, "--debug-dir", str(t.dir / "debug"))
    assert row["build_id"] == library.build_id, row
    assert row["named"] == row["c_functions"] >= 3 and row["named_before"] == row["c_functions"] - 2, row
    after = names_in(t, trace, library)
    assert not is_hidden(after) and {"hidden", "beside", "visible"} <= set(after), after
    assert after["hidden"]["line"] == line_of("long hidden("), after
    assert after["hidden"]["file"].endswith("libwork.so.c"), after
    assert sorted(row["samples_cum"] for row in before.values()) == \
        sorted(row["samples_cum"] for row in after.values()), (before, after)
    assert pathlib.Path(trace).read_bytes() == whole
    assert os.stat(trace + ".symbols").st_mode & 0o777 == 0o600
    assert any("hidden" in frame for frames, _ in t.stacks(trace) for frame in frames)


def test_new_trace(t):
    """With --output they are in the new trace, which stays one; and merge takes them along."""
    need(t)
    library = Library(t, "one")
    trace, new, merged = recorded(t, library), t.trace(), t.trace()
    library.put(t.dir / "debug")
    symbols(t, trace, "--debug-dir", str(t.dir / "debug"), "--output", new)
    assert is_hidden(names_in(t, trace, library))
    assert not is_hidden(names_in(t, new, library))
    t.analyze("check", new)
    symbols(t, trace, "--debug-dir", str(t.dir / "debug"))
    t.analyze("merge", "-o", merged, trace)
    assert not is_hidden(names_in(t, merged, library))
    os.unlink(trace + ".symbols")
    assert is_hidden(names_in(t, trace, library))


def test_debuglink(t):
    """The name that a file says its debug file has, beside it."""
    need(t)
    library = Library(t, "linked")
    run("objcopy", f"--add-gnu-debuglink={library.debug}", library.path)
    trace = recorded(t, library)
    row = symbols(t, trace)
    assert row["debug_file"] == library.debug, row
    assert not is_hidden(names_in(t, trace, library))


@wide
def test_another_build(t):
    """Of another build nothing is taken: neither a debug file at the right place, nor the file that is there now."""
    need(t)
    library, other = Library(t, "one"), Library(t, "two", "-DMARK=7")
    assert library.build_id != other.build_id
    trace = recorded(t, library)
    library.put(t.dir / "debug", other.debug)
    row = symbols(t, trace, "--debug-dir", str(t.dir / "debug"))
    assert "another build" in row["debug_file"] and row["named"] == row["named_before"], row
    assert len(is_hidden(names_in(t, trace, library))) == 2
    shutil.copy(other.debug, library.path) # updated meanwhile
    row = symbols(t, trace)
    assert "another build" in row["debug_file"] and row["named"] == row["named_before"], row
    assert len(is_hidden(names_in(t, trace, library))) == 2
    os.unlink(library.path)
    assert "neither" in symbols(t, trace)["debug_file"]
    library.put(t.dir / "debug") # the debug file alone is enough
    row = symbols(t, trace, "--debug-dir", str(t.dir / "debug"))
    assert row["named"] == row["c_functions"], row


def test_moved(t):
    """A file that was given other addresses since it was built has the same build-id: they are told apart."""
    need(t)
    library = Library(t, "one")
    trace = recorded(t, library)
    moved = t.dir / "moved.debug"
    run("objcopy", "--change-addresses", "0x400000", library.debug, str(moved))
    library.put(t.dir / "debug", moved)
    symbols(t, trace, "--debug-dir", str(t.dir / "debug"))
    names = names_in(t, trace, library)
    assert is_hidden(names) or {"hidden", "beside"} <= set(names), names


@wide
def test_damaged(t):
    """Whatever stands in a debug file with the right build-id, or in a .symbols: it is read, or said not to be."""
    need(t)
    library = Library(t, "one")
    trace = recorded(t, library)
    good = pathlib.Path(library.debug).read_bytes()
    place = library.put(t.dir / "debug")
    draw = random.Random(19)
    known = {"hidden", "beside", "visible"}
    for _ in range(25):
        bad = bytearray(good)
        if draw.random() < 0.3:
            bad = bad[:draw.randrange(len(bad))]
        for _ in range(draw.choice((1, 4, 40))):
            bad[draw.randrange(64, len(bad))] = draw.randrange(256)
        place.write_bytes(bad)
        symbols(t, trace, "--debug-dir", str(t.dir / "debug"))
        names_in(t, trace, library)
    place.write_bytes(b"\x7fELF" + bytes(2000))
    assert symbols(t, trace, "--debug-dir", str(t.dir / "debug"))["debug_file"] == "no debug file"
    place.write_bytes(good)
    symbols(t, trace, "--debug-dir", str(t.dir / "debug"))
    assert known <= set(names_in(t, trace, library))
    beside = pathlib.Path(trace + ".symbols") # what is beside the trace may be damaged, too
    whole = beside.read_bytes()
    beside.write_bytes(whole[:300] + b"\xff" * 40 + whole[340:])
    t.analyze("functions", trace, ok=(3,))
    beside.write_bytes(b"no trace")
    t.analyze("functions", trace, ok=(3,))


def frames_of(t, trace):
    """Stacks with samples in the library: from its outermost frame on, (function, line)."""
    import json
    rows = json.loads(t.analyze("export", "--format", "json", "--by", "samples", trace))
    for row in rows:
        frames = [(frame["function"], frame["line"]) for frame in reversed(row["stack"])]
        at = next((i for i, (name, _) in enumerate(frames) if name in ("visible", "hidden")), None)
        if at is not None:
            yield frames[at:], row["samples"]


def check_lines(t, *options):
    """Each frame at its line, and what was inlined as frames of their own, in their order."""
    library = Library(t, "lines", *options)
    trace = recorded(t, library, "--native-lines")
    whole = sum(n for _, n in t.stacks(trace, "--by", "samples"))
    assert not any("(inlined)" in name for frames, _ in frames_of(t, trace) for name, _ in frames)
    library.put(t.dir / "debug")
    row = symbols(t, trace, "--debug-dir", str(t.dir / "debug"))
    assert row["places"] >= row["with_line"] > 0 and row["inlined"] > 0, row
    chains = {"mixed (inlined)": "twice (inlined)", "twice (inlined)": "hidden"}
    n_first = n_second = 0
    for frames, n in frames_of(t, trace):
        names = [name for name, _ in frames]
        for i, (name, line) in enumerate(frames):
            if name in chains:
                assert names[i - 1] == chains[name], frames
            if name == "twice (inlined)" and i + 1 < len(frames):
                assert line in (line_of("/* twice, first */"), line_of("/* twice, second */")), frames
                n_first += n * (line == line_of("/* twice, first */"))
                n_second += n * (line == line_of("/* twice, second */"))
            if name == "mixed (inlined)":
                assert line in (line_of("/* mixed */"), line_of("/* mixed */") - 1), frames
            if name == "hidden" and i + 1 < len(frames):
                assert line == line_of("/* hidden */"), frames
            if name == "visible" and i + 1 < len(frames):
                assert line == line_of("void visible(long n) {"), frames
    assert sum(n for _, n in t.stacks(trace, "--by", "samples")) == whole > 0
    assert n_first > 0 and n_second > 0, (n_first, n_second)
    lines = t.rows("lines", trace) # which stays a table of Python's
    assert not any("inlined" in row["function"] or row["file"].endswith(".c") for row in lines), lines


def test_lines(t):
    need(t)
    for version in ("-gdwarf-4", "-gdwarf-5"):
        check_lines(t, version)


CXX = """
static volatile long sink;
namespace n {
template <class T> __attribute__((noinline)) static T hidden(T n)
{
    T x = 1;
    while (n-- > 0)
        x += sink;
    return x;
}
}
extern "C" void visible(long n) { sink = n::hidden<long>(1000 * n); }
"""


RUST = """
mod n {
    #[inline(never)]
    pub fn hidden(n: i64) -> i64 {
        let mut x = 1i64;
        for i in 0..n { x = std::hint::black_box(x.wrapping_mul(31) ^ i); }
        x
    }
}
#[no_mangle]
pub extern "C" fn visible(n: i64) { std::hint::black_box(n::hidden(100 * n)); }
"""


def check_unmangled(t, compiler, source, name, wanted, options):
    if not shutil.which(compiler[0]):
        raise Skip(f"no {compiler[0]} here")
    library = Library.__new__(Library)
    folder = t.dir / "unmangled"
    folder.mkdir(exist_ok=True)
    library.path, library.debug = str(folder / "libwork.so"), str(folder / "libwork.debug")
    run(*compiler, *options, "-o", library.path, t.file(name, source))
    run("objcopy", "--only-keep-debug", library.path, library.debug)
    run("strip", "--strip-unneeded", library.path)
    notes = subprocess.run(["readelf", "-n", library.path], capture_output=True, text=True, check=True).stdout
    library.build_id = re.search(r"Build ID: ([0-9a-f]+)", notes)[1]
    trace = recorded(t, library)
    assert not any("hidden" in name for name in names_in(t, trace, library))
    library.put(t.dir / "debug")
    symbols(t, trace, "--debug-dir", str(t.dir / "debug"))
    names = names_in(t, trace, library)
    assert any(name.startswith(wanted) for name in names), (wanted, names)


def test_cxx(t):
    need(t)
    check_unmangled(t, ["g++"], CXX, "work.cc", "n::hidden<long>(long)",
                    ["-shared", "-fPIC", "-g", "-O2", "-Wl,--build-id"])


@wide
def test_rust(t):
    need(t)
    check_unmangled(t, ["rustc"], RUST, "work.rs", "work::n::hidden",
                    ["--crate-type", "cdylib", "--crate-name", "work", "-g", "-O", "-C", "link-arg=-Wl,--build-id"])


def test_shared(t):
    """Parts that dwz has moved to a file of several libraries."""
    need(t)
    if not shutil.which("dwz"):
        raise Skip("no dwz here")
    library, other = Library(t, "one", "-gdwarf-4"), Library(t, "two", "-gdwarf-4", "-DMARK=7")
    common = str(t.dir / "common.debug")
    done = subprocess.run(["dwz", "-m", common, library.debug, other.debug], capture_output=True, text=True)
    if done.returncode or not os.path.exists(common):
        raise Skip(f"dwz found nothing in common: {done.stderr}")
    trace = recorded(t, library, "--native-lines")
    library.put(t.dir / "debug")
    notes = subprocess.run(["readelf", "-n", common], capture_output=True, text=True, check=True).stdout
    library.build_id = re.search(r"Build ID: ([0-9a-f]+)", notes)[1]
    library.put(t.dir / "debug", common)
    symbols(t, trace, "--debug-dir", str(t.dir / "debug"))
    names = names_in(t, trace, library)
    assert {"hidden", "visible", "mixed (inlined)"} <= set(names), names


class Server(http.server.BaseHTTPRequestHandler):
    files, asked = {}, []

    def do_GET(self):
        self.asked.append(self.path)
        body = self.files.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *args):
        pass


@wide
def test_debuginfod(t):
    """Asked only when it is asked for; and what was sent is kept."""
    need(t)
    library = Library(t, "one")
    trace = recorded(t, library)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {"DEBUGINFOD_URLS": f"http://127.0.0.1:9/ http://127.0.0.1:{server.server_port}", "NO_PROXY": "*"}
    done = subprocess.run([t.pyanalyze, "symbols", "--debuginfod", trace], capture_output=True, text=True,
                          env={k: v for k, v in os.environ.items() if k != "DEBUGINFOD_URLS"})
    if "without libcurl" in done.stderr:
        raise Skip("built without libcurl")
    assert done.returncode == 2 and "DEBUGINFOD_URLS" in done.stderr, done
    symbols(t, trace, env=env)
    homeless = dict(env, DEBUGINFOD_CACHE_PATH="", XDG_CACHE_HOME="", HOME="")
    row = symbols(t, trace, "--debuginfod", env=homeless)
    assert "DEBUGINFOD_CACHE_PATH" in row["debug_file"], row
    row = symbols(t, trace, "--debuginfod", env={**env, **t.without_curl()})
    assert "libcurl has to be installed" in row["debug_file"], row
    assert Server.asked == [], Server.asked
    row = symbols(t, trace, "--debuginfod", env=env)
    assert "404" in row["debug_file"] and row["named"] == row["named_before"], row
    path = f"/buildid/{library.build_id}/debuginfo"
    Server.files[path] = pathlib.Path(library.debug).read_bytes()
    row = symbols(t, trace, "--debuginfod", env=env)
    assert row["named"] == row["c_functions"], row
    assert not is_hidden(names_in(t, trace, library))
    n = Server.asked.count(path)
    symbols(t, trace, "--debuginfod", env=env)
    assert Server.asked.count(path) == n == 2, Server.asked
    server.shutdown()


def test_nothing_of_c(t):
    need(t)
    trace = t.record("-c", "import time; time.sleep(0.1)").trace
    done = subprocess.run([t.pyanalyze, "symbols", trace], capture_output=True, text=True)
    assert done.returncode == 1 and "--native" in done.stderr and not os.path.exists(trace + ".symbols"), done


def check_names(t, trace, library):
    """Of each address the function that it is in, or none; what those functions are called."""
    right, inlined = {"hidden", "beside", "visible"}, {"mixed (inlined)", "twice (inlined)"}
    names = names_in(t, trace, library)
    for name, row in names.items():
        assert name in right | inlined or is_hidden([name]) or name.startswith("libwork.so+"), names
        declared = {n for n, line in enumerate(SOURCE.split("\n"), 1) if f" {name}(long n)" in line}
        assert name not in right or not row["line"] or row["line"] in declared, (name, declared, row)
    chains = {"mixed (inlined)": "twice (inlined)", "twice (inlined)": "hidden"}
    for frames, _ in frames_of(t, trace):
        for i, (name, _) in enumerate(frames):
            assert name not in chains or frames[i - 1][0] == chains[name], frames
    return set(names)


@wide
def test_split(t):
    """Debug information that is mostly in files of its own (.dwo), there or gone: names are right, lines not known."""
    need(t)
    for version in ("-gdwarf-4", "-gdwarf-5"):
        library = Library(t, "split" + version, version, "-gsplit-dwarf")
        trace = recorded(t, library, "--native-lines")
        library.put(t.dir / "debug")
        for gone in (False, True):
            for file in t.dir.rglob("*.dwo") if gone else ():
                file.unlink()
            symbols(t, trace, "--debug-dir", str(t.dir / "debug"))
            names = check_names(t, trace, library)
            assert {"hidden", "visible"} <= names and not is_hidden(names), names


@wide
def test_minidebuginfo(t):
    """Names of functions that are packed in the file itself (.gnu_debugdata): not read, but none is wrong for it."""
    import lzma
    need(t)
    library = Library(t, "mini")
    mini = str(t.dir / "mini.debug")
    run("objcopy", "-S", "--remove-section", ".comment", "--keep-symbol=hidden", "--keep-symbol=beside",
        library.debug, mini)
    packed = pathlib.Path(mini + ".xz")
    packed.write_bytes(lzma.compress(pathlib.Path(mini).read_bytes()))
    run("objcopy", f"--add-section=.gnu_debugdata={packed}", library.path)
    trace = recorded(t, library, "--native-lines")
    assert "visible" in check_names(t, trace, library)
    symbols(t, trace)
    assert "visible" in check_names(t, trace, library)
    library.put(t.dir / "debug")
    symbols(t, trace, "--debug-dir", str(t.dir / "debug"))
    names = check_names(t, trace, library)
    assert {"hidden", "visible"} <= names and not is_hidden(names), names
