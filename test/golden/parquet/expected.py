"""Writes the rows of Parquet files as JSON, as pyarrow reads them: python expected.py FILE..."""

import datetime
import decimal
import json
import sys
import uuid

import pyarrow as pa
import pyarrow.parquet as pq


def plain(value, kind):
    """A value in the terms of our scalars; what JSON cannot say is text."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {field.name: plain(value.get(field.name), field.type) for field in kind}
    if pa.types.is_map(kind):
        return [[plain(key, kind.key_type), plain(item, kind.item_type)] for key, item in value]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [plain(item, kind.value_type) for item in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return repr(value) if value != value or value in (float("inf"), float("-inf")) else value
    if pa.types.is_uint64(kind):
        return str(value)
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, datetime.datetime):
        epoch = datetime.datetime(1970, 1, 1, tzinfo=value.tzinfo and datetime.timezone.utc)
        return (value - epoch) // datetime.timedelta(microseconds=1)
    if isinstance(value, datetime.date):
        return (value - datetime.date(1970, 1, 1)).days
    if isinstance(value, datetime.time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    if isinstance(value, uuid.UUID):
        return str(value)
    return value


def narrow(column):
    """Nanoseconds as microseconds, rounded down, which Python's datetime can hold."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        micros = [None if v is None else v // 1000 for v in column.cast(pa.int64()).to_pylist()]
        return [micros, pa.int64()]
    if pa.types.is_time64(kind) and kind.unit == "ns":
        micros = [None if v is None else v // 1000 for v in column.cast(pa.int64()).to_pylist()]
        return [micros, pa.int64()]
    return [column.to_pylist(), kind]


for path in sys.argv[1:]:
    table = pq.ParquetFile(path).read()
    columns = [narrow(table.column(i)) for i in range(table.num_columns)]
    rows = [[plain(values[r], kind) for values, kind in columns] for r in range(table.num_rows)]
    with open(path.removesuffix(".parquet") + ".json", "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")
