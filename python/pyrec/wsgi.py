# SPDX-License-Identifier: MIT
"""Each request of a WSGI application as a phase: application = pyrec.wsgi.Middleware(application)

The phase is "request", its detail the method and the route ("GET /users/<id>"), or the path where the route
is not known; labels: route, and status from the moment on at which the application tells it. A Flask
application is asked for its routes; others may give route=, a function of the environ.
"""
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from ._phases import phase, set_label

Environ = Dict[str, Any]
Start = Callable[..., Any]
Application = Callable[[Environ, Start], Iterable[bytes]]
Route = Callable[[Environ], Optional[str]]


def flask_route(application: Any) -> Optional[Route]:
    """What a Flask application's map of routes says of a request; None: it has none."""
    if getattr(application, "url_map", None) is None:
        return None
    routes: Any = application.url_map

    def route(environ: Environ) -> Optional[str]:
        rule, _ = routes.bind_to_environ(environ).match(return_rule=True)
        return str(rule)
    return route


def _route_of(route: Optional[Route], environ: Environ) -> Optional[str]:
    """No request is to fail because it is looked at: one that has no route raises here."""
    try:
        return route(environ) if route is not None else None
    except Exception:
        return None


class Middleware:
    """Wraps an application."""

    def __init__(self, application: Application, route: Optional[Route] = None,
                 name: str = "request") -> None:
        self.application, self.name = application, name
        self.route = route or flask_route(application)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.application, attribute)

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        route = _route_of(self.route, environ)
        where = route or f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
        request = phase(self.name, f"{environ.get('REQUEST_METHOD', '')} {where}")

        def started(status: str, headers: List[Tuple[str, str]], *error: Any) -> Any:
            set_label("status", status.split(" ", 1)[0])
            return start_response(status, headers, *error)
        request.__enter__()
        try:
            if route is not None:
                set_label("route", route)
            body = self.application(environ, started)
        except BaseException:
            request.__exit__()
            raise
        return (_SizedBody if hasattr(body, "__len__") else _Body)(body, request)


class _Body:
    """The request is over when the server has what it wants of the body."""

    def __init__(self, body: Iterable[bytes], request: phase) -> None:
        self._body, self._request = body, request
        self._at: Optional[Iterator[bytes]] = None

    def __iter__(self) -> "_Body":
        self._at = iter(self._body)
        return self

    def __next__(self) -> bytes:
        if self._at is None:
            self._at = iter(self._body)
        try:
            return next(self._at)
        except BaseException:
            self._request.__exit__()
            raise

    def __del__(self) -> None:
        """A server that does not close it has no use for it any more all the same."""
        try:
            self._request.__exit__()
        except Exception:  # the interpreter is about to end
            pass

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._request.__exit__()


class _SizedBody(_Body):
    """Servers that know how many parts there are can tell the length of one."""

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]
