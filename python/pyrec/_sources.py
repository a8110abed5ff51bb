# SPDX-License-Identifier: MIT
"""The text of code that no file has, for the recording: cells of notebooks, what is typed at a prompt, examples
of doctest, whatever a program has put into linecache for the text that it executes.

Their names are in the recorded stacks; what they stand for only this process can tell, and only now. pyrec
keeps what names code that it has seen (record/collect/sources.h).
"""
import os
import struct
import sys
from typing import Any, Dict, Iterator, List, Tuple

from ._door import SOURCES, Door
from ._error import Error

# Of what is handed over: what one section of a trace may hold.
MOST, MOST_BYTES = 256, 1 << 20
_HEAD = struct.Struct("=III")  # struct wire_source


def _is_nowhere(name: str) -> bool:
    """No file has it, and no archive."""
    if name.startswith("<") and name.endswith(">"):
        return True
    while name not in ("", "/"):
        if os.path.lexists(name):
            return os.path.isdir(name)
        name = os.path.dirname(name)
    return True


def _of_doctest(linecache: Any) -> Iterator[Tuple[str, str]]:
    """While it runs, doctest stands in front of linecache."""
    test: Any = getattr(getattr(linecache.getlines, "__self__", None), "test", None)
    for i, example in enumerate(getattr(test, "examples", ())):
        yield f"<doctest {test.name}[{i}]>", example.source


def _gathered() -> Dict[str, str]:
    """By name, the newest last. An entry that only says how to load the text is left alone."""
    linecache: Any = sys.modules.get("linecache")
    if linecache is None:
        return {}
    found = {}
    entries = list(linecache.cache.items())
    # what is typed: by the code's name of its file, first line and name
    entries += [(key[0] if isinstance(key, tuple) else entry[3], entry)
                for key, entry in list(getattr(linecache, "_interactive_cache", {}).items())]
    for name, entry in entries:
        if isinstance(name, str) and len(entry) == 4 and _is_nowhere(name):
            found[name] = "".join(entry[2])
    found.update(_of_doctest(linecache))
    return found


def packed() -> bytes:
    """As pyrec wants it, the newest first: what is too much are those that nobody remembers."""
    parts: List[bytes] = []
    size = left_out = 0
    for name, text in reversed(list(_gathered().items())):
        raw, said = os.fsencode(name), text.encode("utf-8", "replace")
        if len(parts) >= MOST or size + len(said) > MOST_BYTES or len(raw) > 4096:
            left_out += 1
            continue
        size += len(said)
        parts.append(_HEAD.pack(len(raw), len(said), 0) + raw + said)
    if left_out:
        parts.append(_HEAD.pack(0, 0, left_out))
    return b"".join(parts)


def hand_over(door: Door) -> None:
    """To the pyrec that records this process. A recording without them is right all the same."""
    try:
        said = packed()
        if said:
            _send(door, said)
    except Exception:  # what is in linecache is the program's
        pass


def _send(door: Door, said: bytes) -> None:
    memory = os.memfd_create("pyrec-sources", os.MFD_CLOEXEC)
    try:
        while said:
            said = said[os.write(memory, said):]
        door.ask(SOURCES, memory)
    except Error:
        pass
    finally:
        os.close(memory)
