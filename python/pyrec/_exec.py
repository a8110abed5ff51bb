# SPDX-License-Identifier: MIT
"""python -m pyrec, python -m pyrec.analyze, and what a wheel calls pyrec and pyanalyze.

This process becomes the program: its number, terminal, signals and exit status are that one's.
"""
import os
import subprocess
import sys
from typing import Callable, List, NoReturn, Tuple

from . import _programs
from ._error import Error

# Options of pyrec's with an argument of their own (a test compares them with `pyrec --help`).
LETTERS = "orp"
NAMES = ("output", "rate", "pid", "max-depth", "max-overhead", "linger", "delay", "duration", "flush", "rotate",
         "keep", "service", "service-version", "label", "completion")
COMMANDS = ("dump", "ps")
EXIT_NOT_FOUND = 127


def _split(words: List[str]) -> Tuple[List[str], List[str]]:
    """Options of pyrec's, and what comes behind them."""
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-", "-m", "-c"):
        word = words[at]
        at += 1
        if word == "--":
            return words[:at - 1], words[at:]
        if word.startswith("--"):
            at += word[2:] in NAMES
        else:
            takes = [i for i, letter in enumerate(word[1:], 1) if letter in LETTERS]
            at += bool(takes) and takes[0] == len(word) - 1
    return words[:at], words[at:]


def command_of(pyrec: str, words: List[str]) -> List[str]:
    """What is executed for `python -m pyrec WORDS`."""
    options, rest = _split(words)
    if not rest or (not options and rest[0] in COMMANDS):
        return [pyrec, *words]
    flags: Callable[[], List[str]] = getattr(subprocess, "_args_from_interpreter_flags", list)
    return [pyrec, *options, "--", sys.executable, *flags(), *rest]


def _become(command: List[str]) -> NoReturn:
    try:
        os.execv(command[0], command)
    except OSError as error:
        _fail(f"{command[0]} cannot be started: {error.strerror}")


def _fail(sentence: str) -> NoReturn:
    sys.stderr.write(f"pyrec: {sentence}\n")
    sys.exit(EXIT_NOT_FOUND)


def _program(name: str) -> str:
    try:
        return _programs.find(name)
    except Error as error:
        _fail(str(error))


def record_script() -> NoReturn:
    """python -m pyrec"""
    if not sys.executable:
        _fail("this Python does not know where it is: pyrec -- PYTHON script.py")
    _become(command_of(_program("pyrec"), sys.argv[1:]))


def pyrec() -> NoReturn:
    """The program itself."""
    _become([_program("pyrec"), *sys.argv[1:]])


def pyanalyze() -> NoReturn:
    """The other one."""
    _become([_program("pyanalyze"), *sys.argv[1:]])
