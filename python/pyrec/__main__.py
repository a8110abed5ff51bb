# SPDX-License-Identifier: MIT
"""python -m pyrec [OPTIONS] SCRIPT [ARGS], python -m pyrec [OPTIONS] -m MODULE [ARGS]"""
from ._exec import record_script

if __name__ == "__main__":
    record_script()
