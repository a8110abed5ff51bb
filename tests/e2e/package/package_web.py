# SPDX-License-Identifier: MIT
"""pyrec.wsgi and pyrec.asgi: requests as phases, with frameworks where they are there."""
import subprocess

from e2e import Skip, near
from package import BEGIN, environment

WSGI = """
from wsgiref.util import setup_testing_defaults
import pyrec.wsgi
def app(environ, start):
    if environ["PATH_INFO"] == "/fails": raise ValueError("told")
    start("404 Not Found" if environ["PATH_INFO"] == "/no" else "200 OK", [])
    def body():
        for _ in range(3):
            work(.02)
            yield b"x"
    return body() if environ["PATH_INFO"] == "/stream" else [b"x"]
wrapped = pyrec.wsgi.Middleware(app)
def get(path, most=9):
    environ = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    said = []
    body = wrapped(environ, lambda status, headers: said.append(status))
    data = [part for part, _ in zip(body, range(most))]
    body.close()
    return said, data
assert get("/") == (["200 OK"], [b"x"])
assert get("/stream")[1] == [b"x"] * 3 and len(get("/stream", 1)[1]) == 1
assert get("/no")[0] == ["404 Not Found"]
try: get("/fails")
except ValueError as error: assert str(error) == "told"
else: assert 0
"""

FLASK = """
import flask, pyrec.wsgi
app = flask.Flask("app")
@app.route("/users/<int:number>")
def user(number):
    work(.05)
    return flask.abort(500) if number == 3 else str(number)
app.wsgi_app = pyrec.wsgi.Middleware(app.wsgi_app, pyrec.wsgi.flask_route(app))
client = app.test_client()
assert client.get("/users/1").data == b"1" and client.get("/users/3").status_code == 500
assert client.get("/nowhere").status_code == 404
"""

ASGI = """
import asyncio, pyrec.asgi
async def app(scope, receive, send):
    if scope["type"] == "lifespan": return
    for _ in range(5):
        work(.01)
        await asyncio.sleep(.005)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
wrapped = pyrec.asgi.Middleware(app)
said = []
async def send(message): said.append(message["type"])
async def get(path): await wrapped({"type": "http", "method": "GET", "path": path}, None, send)
async def main():
    await wrapped({"type": "lifespan"}, None, send)
    await asyncio.gather(get("/a"), get("/b"))
asyncio.run(main())
assert len(said) == 4, said
"""

STARLETTE = """
import asyncio, pyrec.asgi, starlette.applications, starlette.responses, starlette.routing
async def user(request):
    work(.05)
    return starlette.responses.PlainTextResponse(request.path_params["id"])
app = starlette.applications.Starlette(routes=[starlette.routing.Route("/users/{id}", user)])
wrapped = pyrec.asgi.Middleware(app)
said = []
async def send(message): said.append(message)
async def receive(): return {"type": "http.request", "body": b"", "more_body": False}
async def get(path):
    await wrapped({"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"",
                   "root_path": ""}, receive, send)
asyncio.run(get("/users/7")); asyncio.run(get("/users/8")); asyncio.run(get("/nowhere"))
assert [m["status"] for m in said if m["type"] == "http.response.start"] == [200, 200, 404], said
"""


def requests(t, source, module=None):
    if module and subprocess.run([t.python, "-c", f"import {module}"], capture_output=True).returncode:
        raise Skip(f"no {module} for this interpreter")
    path = t.file("program.py", BEGIN + source)
    done = t.record(path, rate=1000, env=environment(t, PYTHONWARNINGS="ignore"))
    assert "Traceback" not in done.err, done.err
    rows = t.rows("phases", done.trace, "--by", "detail")
    labels = t.rows("phases", done.trace, "--by", "label")
    assert all(row["open"] == 0 and row["phase"] == "request" for row in rows), rows
    return {row["detail"]: row for row in rows}, {(row["phase"], row["detail"]): row["count"] for row in labels}, done


def test_wsgi(t):
    """Up to the end of the body, or to its close(); what fails still fails, and ends."""
    rows, labels, _ = requests(t, WSGI)
    assert {detail: row["count"] for detail, row in rows.items()} == {
        "GET /": 1, "GET /stream": 2, "GET /no": 1, "GET /fails": 1}, rows
    near(rows["GET /stream"]["total"], 0.08, absolute=0.06)
    assert labels == {("status", "200"): 3, ("status", "404"): 1}, labels


def test_flask(t):
    rows, labels, done = requests(t, FLASK, "flask")
    assert {detail: row["count"] for detail, row in rows.items()} == {
        "GET /users/<int:number>": 2, "GET /nowhere": 1}, rows
    assert labels[("route", "/users/<int:number>")] == 2 and labels[("status", "500")] == 1, labels
    functions = t.rows("functions", done.trace, "--label", "route=/users/<int:number>")
    assert any(row["function"] == "work" for row in functions), functions


def test_asgi(t):
    """Two at once in one thread: each has its own CPU."""
    rows, labels, _ = requests(t, ASGI)
    assert {detail: row["count"] for detail, row in rows.items()} == {"GET /a": 1, "GET /b": 1}, rows
    near(rows["GET /a"]["wall"], rows["GET /b"]["wall"], relative=0.6)
    assert rows["GET /a"]["total"] > 0.075 and labels == {("status", "200"): 2}, (rows, labels)


def test_starlette(t):
    rows, labels, _ = requests(t, STARLETTE, "starlette")
    assert {detail: row["count"] for detail, row in rows.items()} == {
        "GET /users/{id}": 2, "GET /nowhere": 1}, rows
    assert labels[("route", "/users/{id}")] == 2 and labels[("status", "404")] == 1, labels
