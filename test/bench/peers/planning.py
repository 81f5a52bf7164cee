"""Plans scans of one Iceberg table on local disk, for test/bench/planning.ts: a line of JSON in, a line out.

PyIceberg's time is that of plan_files(). DuckDB has no such call: its time is that of EXPLAIN, which binds the table,
reads its manifests and opens no data file.
"""

import glob
import json
import os
import sys
import time

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg
from pyiceberg.table import StaticTable


def connect():
    # Unsigned extensions: the packages carry DuckDB's own signed files, but from another folder.
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for module in (duckdb_extension_avro, duckdb_extension_httpfs, duckdb_extension_iceberg):
        pattern = os.path.join(os.path.dirname(module.__file__), "extensions", "*", "*.duckdb_extension")
        connection.execute(f"LOAD '{glob.glob(pattern)[0]}'")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def main():
    connection = connect()
    for line in sys.stdin:
        request = json.loads(line)
        path, condition = request["metadata"], request["filter"]
        start = time.perf_counter()
        if request["engine"] == "pyiceberg":
            table = StaticTable.from_metadata(f"file://{path}")
            files = len(list(table.scan(row_filter=condition).plan_files()))
        else:
            connection.execute(f"EXPLAIN SELECT * FROM iceberg_scan('{path}') WHERE {condition}").fetchall()
            files = None
        elapsed = (time.perf_counter() - start) * 1000
        print(json.dumps({"ms": elapsed, "files": files}), flush=True)


main()
