"""DuckDB with its Iceberg extension; the catalog is attached as `firn`."""

import glob
import os

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg

from canonical import reply_of
from server import firn, serve


class DuckDb:
    def __init__(self):
        uri, token = firn()
        # Unsigned extensions: the packages carry DuckDB's own signed files, but from another folder.
        self.connection = duckdb.connect(config={"threads": 2})
        for module in (duckdb_extension_avro, duckdb_extension_httpfs, duckdb_extension_iceberg):
            pattern = os.path.join(os.path.dirname(module.__file__), "extensions", "*", "*.duckdb_extension")
            self.connection.execute(f"LOAD '{glob.glob(pattern)[0]}'")
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.execute(f"CREATE SECRET firn_token (TYPE ICEBERG, TOKEN '{token}')")
        self.connection.execute(f"ATTACH 'firn' AS firn (TYPE ICEBERG, ENDPOINT '{uri}', SECRET firn_token)")

    def sql(self, sql):
        cursor = self.connection.execute(sql)
        return reply_of(cursor.to_arrow_table())


serve(DuckDb)
