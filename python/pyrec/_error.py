# SPDX-License-Identifier: MIT
"""What goes wrong."""


class Error(Exception):
    """One line that says what went wrong and what to do."""
