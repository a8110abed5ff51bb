# SPDX-License-Identifier: MIT
"""Each request of an ASGI application as a phase: application = pyrec.asgi.Middleware(application)

The phase is "request" (of a websocket "websocket"), its detail the method and the route
("GET /users/{id}"), or the path where the route is not known; labels: route, and status from the moment on
at which the application tells it. Applications with routes as Starlette has them are asked; others
may give route=, a function of the scope.
"""
from typing import Any, Awaitable, Callable, Dict, MutableMapping, Optional

from ._phases import phase, set_label

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Route = Callable[[Scope], Optional[str]]
NAMES = {"http": "request", "websocket": "websocket"}


def starlette_route(application: Any) -> Optional[Route]:
    """What the routes of a Starlette application say of a request; None: it has none."""
    if not hasattr(application, "routes"):
        return None

    return lambda scope: _route_among(application.routes, scope)


def _route_among(routes: Any, scope: Scope) -> Optional[str]:
    """Of what is mounted below another, both."""
    for one in routes:
        match, inside = one.matches(scope)
        if match.name == "FULL":
            below = getattr(one, "routes", None)
            rest = _route_among(below, {**scope, **inside}) if below else None
            return f"{getattr(one, 'path', '')}{rest or ''}" or None
    return None


def _route_of(route: Optional[Route], scope: Scope) -> Optional[str]:
    """No request is to fail because it is looked at."""
    try:
        return route(scope) if route is not None else None
    except Exception:
        return None


class Middleware:
    """Wraps an application."""

    def __init__(self, app: Application, route: Optional[Route] = None,
                 names: Optional[Dict[str, str]] = None) -> None:
        self.app, self.names = app, names or NAMES
        self.route = route or starlette_route(app)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.app, attribute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in self.names:  # the life of the server
            await self.app(scope, receive, send)
            return
        route = _route_of(self.route, scope)
        method = scope.get("method", "")
        where = route or f"{scope.get('root_path', '')}{scope.get('path', '')}"

        async def told(message: Any) -> None:
            if message["type"] == "http.response.start":
                set_label("status", str(message.get("status", "")))
            await send(message)
        with phase(self.names[scope["type"]], f"{method} {where}".strip()):
            if route is not None:
                set_label("route", route)
            await self.app(scope, receive, told)
