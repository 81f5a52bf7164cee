"""Makes a TPC benchmark's tables as Parquet, and its queries with DuckDB's answers as JSON.

python tpc_data.py {tpch|tpcds} SCALE FOLDER
"""

import importlib
import json
import pathlib
import sys

import duckdb

suite, scale, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
package = importlib.import_module(f"duckdb_extension_{suite}")
extension = next(pathlib.Path(package.__file__).parent.glob(f"extensions/*/{suite}.duckdb_extension"))
connection = duckdb.connect(config={"threads": 1})
connection.execute(f"LOAD '{extension}'")
connection.execute(f"CALL {'dbgen' if suite == 'tpch' else 'dsdgen'}(sf = {scale})")
folder.mkdir(parents=True, exist_ok=True)
tables = {}
for (name,) in connection.execute("SELECT table_name FROM information_schema.tables ORDER BY 1").fetchall():
    connection.execute(f"COPY {name} TO '{folder / name}.parquet' (FORMAT parquet, COMPRESSION snappy)")
    columns = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {name})").fetchall()
    tables[name] = [list(column) for column in columns]

queries = []
for number, sql in connection.execute(f"SELECT query_nr, query FROM {suite}_queries() ORDER BY 1").fetchall():
    cursor = connection.execute(sql)
    types = [str(column[1]) for column in cursor.description]
    rows = [[None if value is None else str(value) for value in row] for row in cursor.fetchall()]
    queries.append({"number": number, "sql": sql, "types": types, "rows": rows})
(folder / "queries.json").write_text(json.dumps({"tables": tables, "queries": queries}))
