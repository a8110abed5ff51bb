# SPDX-License-Identifier: MIT
"""An X server for programs with a window."""
import contextlib
import shutil
import subprocess

from e2e import Skip


@contextlib.contextmanager
def screen(*options):
    """Gives its DISPLAY. The whole line is read: the server writes the number and the end of the line
    one after the other, and ends when nobody takes the second."""
    if shutil.which("Xvfb") is None:
        raise Skip("no Xvfb here (xvfb)")
    with subprocess.Popen(["Xvfb", "-displayfd", "1", "-nolisten", "tcp", *options], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        try:
            line = server.stdout.readline()
            if not line.endswith("\n"):
                raise Skip("Xvfb does not start here")
            yield f":{line.strip()}"
        finally:
            server.terminate()
