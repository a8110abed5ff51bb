# SPDX-License-Identifier: MIT
"""python -m pyrec.analyze COMMAND [OPTIONS] FILE"""
from ._exec import pyanalyze

if __name__ == "__main__":
    pyanalyze()
