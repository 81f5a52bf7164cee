"""Reads a table through the Iceberg REST catalog with PyIceberg and DuckDB and prints what each engine saw.

Usage: read_table.py CATALOG_URI TOKEN NAMESPACE TABLE
Prints one JSON object: per engine the tables it listed, the row count and a digest over every row, sorted.
"""

import glob
import hashlib
import json
import os
import sys

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg
from pyiceberg.catalog.rest import RestCatalog

COLUMNS = ["event_id", "event_type", "timestamp_us", "user_id", "session_id", "properties", "received_us"]


def digest(rows):
    """SHA-256 over the rows as canonical JSON lines in sorted order."""
    lines = sorted(json.dumps(list(row), ensure_ascii=False, separators=(",", ":")) for row in rows)
    return {"rows": len(lines), "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest()}


def with_pyiceberg(uri, token, namespace, name):
    catalog = RestCatalog("firn", uri=uri, token=token)
    listed = [".".join(identifier) for identifier in catalog.list_tables(namespace)]
    table = catalog.load_table((namespace, name))
    arrow = table.scan().to_arrow()
    columns = [
        arrow["event_id"].to_pylist(),
        arrow["event_type"].to_pylist(),
        arrow["timestamp"].cast("int64").to_pylist(),
        arrow["user_id"].to_pylist(),
        arrow["session_id"].to_pylist(),
        arrow["properties"].to_pylist(),
        arrow["received_at"].cast("int64").to_pylist(),
    ]
    return {
        "listed": listed,
        **digest(zip(*columns)),
        "files": len(list(table.scan().plan_files())),
        "snapshots": len(table.metadata.snapshots),
        "sort_order_id": table.metadata.default_sort_order_id,
    }


def load_extension(connection, module):
    pattern = os.path.join(os.path.dirname(module.__file__), "extensions", "*", "*.duckdb_extension")
    connection.execute(f"LOAD '{glob.glob(pattern)[0]}'")


def with_duckdb(uri, token, namespace, name):
    connection = duckdb.connect()
    for module in (duckdb_extension_avro, duckdb_extension_httpfs, duckdb_extension_iceberg):
        load_extension(connection, module)
    connection.execute(f"CREATE SECRET firn_token (TYPE ICEBERG, TOKEN '{token}')")
    connection.execute(f"ATTACH 'firn' AS firn (TYPE ICEBERG, ENDPOINT '{uri}', SECRET firn_token)")
    listed = [".".join(row) for row in connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'firn' AND schema_name = ?", [namespace]
    ).fetchall()]
    rows = connection.execute(
        f'SELECT event_id, event_type, epoch_us(timestamp), user_id, session_id, properties, epoch_us(received_at) '
        f'FROM firn."{namespace}"."{name}"'
    ).fetchall()
    (count,) = connection.execute(f'SELECT count(*) FROM firn."{namespace}"."{name}"').fetchone()
    return {"listed": listed, **digest(rows), "count": count}


if __name__ == "__main__":
    arguments = sys.argv[1:]
    print(json.dumps({"pyiceberg": with_pyiceberg(*arguments), "duckdb": with_duckdb(*arguments)}))
