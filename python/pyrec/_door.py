# SPDX-License-Identifier: MIT
"""How a recorded process asks pyrec something: struct wire_ask and wire_answer of wire.h."""
import struct
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_CLOEXEC, SOCK_SEQPACKET, SOL_SOCKET, socket  # not what gevent puts in its place
from typing import List, NamedTuple, Optional, Union

from ._error import Error

WHERE, FLUSH, END, SOURCES = 1, 2, 3, 4
DONE = 0

_ASK = struct.Struct("=8sII32s")
_ANSWER = struct.Struct("=8sIIQII4096s2048s")
_PATIENCE_S = 60.0
LIBRARY_FIELD = 11


class Answer(NamedTuple):
    """What pyrec has said."""
    outcome: int
    time_ns: int
    is_split: bool
    path: str
    text: str


class Door:
    """Where the pyrec that records a process is to be found."""

    def __init__(self, settings: str) -> None:
        fields = settings.split(",", LIBRARY_FIELD)
        if len(fields) < LIBRARY_FIELD or not fields[0].isdigit() or not fields[3].isdigit():
            raise Error("pyrec and this package are not of the same version: install both together")
        self.settings = settings
        self._version = int(fields[0])
        self._name, self._directory = fields[1], fields[2]
        self.pid = int(fields[3])
        self._cookie = fields[5]

    def _addresses(self) -> List[Union[str, bytes]]:
        addresses: List[Union[str, bytes]] = []
        if self._directory:
            addresses.append(f"{self._directory}/door")
        if self._name:
            addresses.append(b"\0" + self._name.encode())
        if self._directory:
            addresses.append(f"/proc/{self.pid}/root{self._directory}/door")
        return addresses

    def _connect(self) -> Optional[socket]:
        for address in self._addresses():
            try:
                connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)
            except OSError as error:
                raise Error(f"pyrec (process {self.pid}) cannot be reached: {error.strerror}") from None
            connection.settimeout(_PATIENCE_S)
            try:
                connection.connect(address)
                return connection
            except OSError:
                connection.close()
        return None

    def ask(self, what: int, descriptor: Optional[int] = None) -> Optional[Answer]:
        """None: nobody is there any more. A descriptor goes along with SOURCES."""
        connection = self._connect()
        if connection is None:
            return None
        try:
            along = [] if descriptor is None else [(SOL_SOCKET, SCM_RIGHTS, struct.pack("i", descriptor))]
            connection.sendmsg([_ASK.pack(b"pyrecask", self._version, what, self._cookie.encode())], along)
            said = connection.recv(_ANSWER.size)
        except OSError as error:
            if isinstance(error, TimeoutError) or "timed out" in str(error):
                raise Error(f"pyrec (process {self.pid}) has not answered for {_PATIENCE_S:g} s"
                            ) from None
            return None
        finally:
            connection.close()
        if not said:
            return None
        if len(said) != _ANSWER.size or said[:8] != b"pyrecsay":
            raise Error("pyrec and this package are not of the same version: install both together")
        _, _, outcome, time_ns, is_split, _, path, text = _ANSWER.unpack(said)
        return Answer(outcome, time_ns, bool(is_split), _text_of(path), _text_of(text))


def _text_of(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode(errors="surrogateescape")
