# SPDX-License-Identifier: MIT
"""What a program writes on a terminal of ours."""
import os
import select


def drain(master, process):
    """All of it, until the program has ended. The other end of the terminal must still be open."""
    out = b""
    while True:
        ended = process.poll() is not None
        if select.select([master], [], [], 0 if ended else 0.02)[0]:
            out += os.read(master, 65536)
        elif ended:
            return out
