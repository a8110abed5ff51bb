# SPDX-License-Identifier: MIT
"""Of all of pyrec: CMakeLists.txt reads it here."""
VERSION = "0.2.0"
