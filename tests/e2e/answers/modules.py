# SPDX-License-Identifier: MIT
"""Names of modules and packages, however a program was started."""

import pathlib
import subprocess
import zipfile

from e2e import wide

BURN = """import time
def burn(s=0.1):
    end = time.thread_time() + s
    while time.thread_time() < end: pass
burn()
"""


def make(t):
    """A program in all forms: a package with a package, one without __init__.py, and users of them."""
    files = {"site/myapp/__init__.py": "", "site/myapp/__main__.py": "import myapp.util, myapp.db.models\n" + BURN,
             "site/myapp/util.py": BURN, "site/myapp/db/__init__.py": BURN,
             "site/myapp/db/models.py": BURN, "site/myapp/tool.py": "from myapp import util\n" + BURN,
             "site/space/deep/part.py": BURN, "site/space/deep/go.py": "import space.deep.part\n" + BURN,
             "site/space/deep/__main__.py": "import space.deep.part\n" + BURN,
             "folder/__main__.py": "import helper\n" + BURN, "folder/helper.py": BURN,
             "bin/start.py": "import myapp.util, myapp.db.models, space.deep.part, zipped.inner, json\n"
                             "json.loads(json.dumps(list(range(600000))))\n" + BURN}
    for name, text in files.items():
        path = t.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with zipfile.ZipFile(t.dir / "lib.zip", "w") as zip_:
        zip_.writestr("zipped/__init__.py", "")
        zip_.writestr("zipped/inner.py", BURN)
    subprocess.run([t.python, "-m", "zipapp", "-o", str(t.dir / "app.pyz"), str(t.dir / "folder")],
                   check=True)


def modules(t, args, column="module", options=(), **more):
    trace = t.record(*args, **more).trace
    return {row[column] for row in t.rows("modules", trace, *options) if row["samples"] > 20}


@wide
def test_started(t):
    make(t)
    site = str(t.dir / "site")
    for args, expected in (
            (["-m", "myapp"], {"myapp.__main__", "myapp.util", "myapp.db", "myapp.db.models"}),
            (["-um", "myapp", "-m", "x"], {"myapp.__main__", "myapp.util", "myapp.db", "myapp.db.models"}),
            (["-mmyapp.tool"], {"myapp.tool", "myapp.util"}),
            (["-m", "space.deep.go"], {"space.deep.go", "space.deep.part"}),
            (["-m", "space.deep"], {"space.deep.__main__", "space.deep.part"})):
        found = modules(t, args, cwd=site)
        assert expected <= found, (args, found)
        assert not {"util", "models", "db", "deep.part", "part", "db.models"} & found, (args, found)
    packages = modules(t, ["-m", "myapp"], options=["--packages"], cwd=site)
    assert "myapp" in packages and "db" not in packages, packages
    for path in ("folder", "app.pyz"):
        found = modules(t, [str(t.dir / path)])
        assert {"__main__", "helper"} <= found, (path, found)


def test_elsewhere(t):
    """Imported from other folders: by what is a package, and by archives; the library by itself."""
    make(t)
    env = {"PYTHONPATH": f"{t.dir}/site:{t.dir}/lib.zip"}
    found = modules(t, [str(t.dir / "bin" / "start.py")], env=env)
    assert {"start", "myapp.util", "myapp.db", "myapp.db.models", "zipped.inner"} <= found, found
    assert any(name.startswith("json.") for name in found), found
    assert "part" in found, found  # nothing says where a package without __init__.py begins
