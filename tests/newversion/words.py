# SPDX-License-Identifier: MIT
"""What the interpreter that runs this says of itself: "word 22 824", a line for each 64-bit word."""
import ctypes

WORDS = 128
said = (ctypes.c_uint64 * WORDS).in_dll(ctypes.pythonapi, "_PyRuntime")
if bytes(said)[:8] == b"xdebugpy":
    for number, word in enumerate(said):
        print("word", number, word)
