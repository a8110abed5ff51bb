# SPDX-License-Identifier: MIT
"""libpyrec.so in this process, and the pyrec that it is recorded by (record/agent/entry.h, summon.h)."""
import os
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM, socket, socketpair
from typing import List, Optional

from . import _programs
from ._door import Door
from ._error import Error

# enum wire_attach, in its order; None: it is being recorded, or is going to be.
_ATTACH = (
    None,
    "pyrec and libpyrec.so are not of the same version",
    "this process is being recorded already",
    "there is no CPython in this process that libpyrec.so could find",
    "this Python cannot be recorded",
    "this process may not read its own memory (a filter of system calls?)",
    "this process can have no thread for the recorder",
    "there is no memory for the recorder",
    "this process cannot reach the recorder that it has started",
    "somebody else is in the recorder's place",
    None,
    "this process is just being forked: try again",
    "this process has a limit on the size of files (3.1 MB are needed)",
)
_BUSY = 2
_SETTINGS_MAX = 1024
_PATIENCE_S = 60.0
_TELLS = "PYREC_AGENT="


class Agent:
    """The library, once it is loaded; it stays."""

    def __init__(self) -> None:
        self.pyrec = _programs.find("pyrec")
        path = _programs.find_library(self.pyrec)
        try:
            import ctypes
        except ImportError as error:
            if "subinterpreter" in str(error):
                raise Error("pyrec.start() does not work in this sub-interpreter, which has no ctypes "
                            f"({error}): call it in the main interpreter, all of them are recorded"
                            ) from None
            raise Error("pyrec.start() needs the module ctypes, which this Python is without: install "
                        "it, or record from outside: pyrec -- python3 program.py") from None
        try:
            library = ctypes.CDLL(path)
            self._attach, self._leave = library.pyrec_attach, library.pyrec_leave
            self._settings, self._summon = library.pyrec_settings, library.pyrec_summon
        except OSError as error:
            raise Error(f"{path} cannot be loaded: {error}") from None
        except AttributeError:
            raise Error(f"{path} is older than this package: install both together") from None
        self._ctypes = ctypes
        self._attach.argtypes = [ctypes.c_char_p]
        self._settings.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        strings = ctypes.POINTER(ctypes.c_char_p)
        self._summon.argtypes = [ctypes.c_char_p, strings, strings, ctypes.c_int]

    def door(self) -> Optional[Door]:
        """Of the pyrec that records this process; None: it is not recorded, by this library."""
        text = self._ctypes.create_string_buffer(_SETTINGS_MAX)
        return Door(text.value.decode()) if self._settings(text, _SETTINGS_MAX) == 1 else None

    def is_recorded(self) -> bool:
        """By whatever copy of the library."""
        return bool(self._attach(b"") == _BUSY)

    def attach(self, door: Door) -> None:
        """Begin to be recorded."""
        result = int(self._attach(os.fsencode(door.settings)))
        wrong = _ATTACH[result] if 0 <= result < len(_ATTACH) else f"pyrec_attach() says {result}"
        if wrong is not None:
            raise Error(wrong)

    def leave(self) -> None:
        """End it, if it has not ended."""
        self._leave()

    def collect(self, options: List[str]) -> Door:
        """Start a pyrec with these options, which waits for this process; it is nobody's child."""
        try:
            ours, theirs = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
        except OSError as error:
            raise Error(f"no recorder can be started: {error.strerror}") from None
        try:
            argv = [self.pyrec, *options, "-p", str(os.getpid()), "--by-itself"]
            pid = self._start(argv, theirs.fileno())
            if pid < 0:
                raise Error(f"{self.pyrec} cannot be started: {os.strerror(-pid)}")
            theirs.close()
            return Door(_told(ours))
        finally:
            ours.close()
            theirs.close()

    def _start(self, argv: List[str], channel: int) -> int:
        strings = [os.fsencode(word) for word in argv]
        environment = [key + b"=" + value for key, value in _programs.environment().items()]
        array = self._ctypes.c_char_p * (len(strings) + 1)
        room = self._ctypes.c_char_p * (len(environment) + 1)
        return int(self._summon(strings[0], array(*strings, None), room(*environment, None), channel))


def _told(channel: socket) -> str:
    """The line with what pyrec_attach() is to be given, or why there is none."""
    channel.settimeout(_PATIENCE_S)
    said = b""
    while b"\n" not in said[said.find(_TELLS.encode()):] or _TELLS.encode() not in said:
        try:
            more = channel.recv(8192)
        except OSError as error:
            raise Error(f"the pyrec that was started says nothing: {error}") from None
        if not more:
            break
        said += more
    for line in said.decode(errors="surrogateescape").splitlines():
        if line.startswith(_TELLS):
            return line[len(_TELLS):]
    raise Error(_programs.complaint("pyrec", said, "the pyrec that was started has ended at once"))
