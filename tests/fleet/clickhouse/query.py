#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run recipes of samples/fleet/clickhouse in ClickHouse's engine: query.py MODULES SETTINGS tables.sql RECIPE...

MODULES is the folder with node_modules, in which libchdb.so is; SETTINGS a JSON object of parameters. Prints
{recipe: rows}, {} without recipes.
"""
import ctypes
import json
import pathlib
import sys


class Engine:
    """libchdb's own C interface: a connection, and answers as text in one of ClickHouse's formats."""

    def __init__(self, library):
        self.library = ctypes.CDLL(str(library))
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        for name, result, arguments in (
                ("connect", ctypes.POINTER(pointer), (ctypes.c_int, ctypes.POINTER(text))),
                ("close_conn", None, (ctypes.POINTER(pointer),)),
                ("query", pointer, (pointer, text, text)),
                ("result_buffer", pointer, (pointer,)),
                ("result_length", ctypes.c_size_t, (pointer,)),
                ("result_error", text, (pointer,)),
                ("destroy_query_result", None, (pointer,))):
            function = getattr(self.library, f"chdb_{name}")
            function.restype, function.argtypes = result, arguments
        self.connection = self.library.chdb_connect(1, (text * 1)(b"clickhouse"))
        if not self.connection or not self.connection[0]:
            raise SystemExit("libchdb does not connect")

    def query(self, statements):
        """Rows of the last of them."""
        answer = self.library.chdb_query(self.connection[0], statements.encode(), b"JSON")
        error = self.library.chdb_result_error(answer)
        if error:
            raise SystemExit(f"{statements[:200]} ..: {error.decode()}")
        length = self.library.chdb_result_length(answer)
        text = ctypes.string_at(self.library.chdb_result_buffer(answer), length) if length else b""
        self.library.chdb_destroy_query_result(answer)
        return json.loads(text)["data"] if text.strip() else []

    def close(self):
        self.library.chdb_close_conn(self.connection)


def main():
    modules, settings, *files = sys.argv[1:]
    engine = Engine(next(pathlib.Path(modules).glob("node_modules/@chdb/*/libchdb.so")))
    engine.query("SET output_format_json_quote_64bit_integers = 0")
    for name, value in json.loads(settings).items():
        quoted = str(value).replace("\\", "\\\\").replace("'", "\\'")
        engine.query(f"SET param_{name} = '{quoted}'")
    results = {pathlib.Path(name).stem: engine.query(pathlib.Path(name).read_text(encoding="utf-8")) for name in files}
    engine.close()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
