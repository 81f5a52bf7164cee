"""One form for the rows of every engine, so that they can be compared as JSON text.

| Arrow type | form |
|---|---|
| boolean | true, false |
| integers | text |
| floats | Python's shortest text of the double: "1.5", "nan", "-0.0", "inf" |
| decimal | plain text with the column's scale |
| string | the string; a text that is a UUID as its 32 hexadecimal digits |
| binary, fixed, uuid | hexadecimal digits |
| date, time, timestamp | "date:<days>", "time:<microseconds>", "ts:<microseconds>", "ns:<nanoseconds>" since the epoch |
| list, struct | array, object |
| map | array of [key, value], sorted |
"""

import json
import math
import re

import pyarrow as pa

UUID = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")


def canonical_text(text):
    return text.replace("-", "").lower() if UUID.match(text) else text


def canonical_float(number):
    return "nan" if math.isnan(number) else repr(number)


def canonical_map(pairs):
    return sorted(([key, value] for key, value in pairs), key=lambda pair: json.dumps(pair, ensure_ascii=False))


def to_canonical(kind):
    """A function that brings one non-null Python value, as Arrow gives it after `plain`, into the form above."""
    if pa.types.is_boolean(kind):
        return bool
    if pa.types.is_integer(kind):
        return str
    if pa.types.is_floating(kind):
        return canonical_float
    if pa.types.is_decimal(kind):
        return lambda value: format(value, "f")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return canonical_text
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return lambda value: bytes(value).hex()
    if pa.types.is_null(kind):
        return lambda value: None
    raise TypeError(f"no canonical form for {kind}")


def unit_factor(kind, target):
    nanos = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
    return nanos[kind.unit] // nanos[target]


def column_values(array):
    """The canonical values of one Arrow array, null as None."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return column_values(array.storage)
    if pa.types.is_dictionary(kind):
        return column_values(array.dictionary_decode())
    if pa.types.is_date(kind):
        days = array.cast(pa.date32()).cast(pa.int32()).to_pylist()
        return [None if day is None else f"date:{day}" for day in days]
    if pa.types.is_time(kind):
        factor = unit_factor(kind, "us") or 1
        raw = array.view(pa.int32() if pa.types.is_time32(kind) else pa.int64()).to_pylist()
        divisor = 1000 if kind.unit == "ns" else 1
        return [None if value is None else f"time:{value * factor // divisor}" for value in raw]
    if pa.types.is_timestamp(kind):
        raw = array.view(pa.int64()).to_pylist()
        if kind.unit == "ns":
            return [None if value is None else f"ns:{value}" for value in raw]
        factor = unit_factor(kind, "us")
        return [None if value is None else f"ts:{value * factor}" for value in raw]
    if pa.types.is_struct(kind):
        members = [(kind.field(i).name, column_values(array.field(i))) for i in range(kind.num_fields)]
        valid = array.is_valid().to_pylist()
        return [
            {name: values[row] for name, values in members} if is_there else None
            for row, is_there in enumerate(valid)
        ]
    if pa.types.is_map(kind):
        keys, items = column_values(array.keys), column_values(array.items)
        return slices(array, list(zip(keys, items)), canonical_map)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return slices(array, column_values(array.values), list)
    if pa.types.is_fixed_size_list(kind):
        return column_values(array.cast(pa.list_(kind.value_type)))
    convert = to_canonical(kind)
    return [None if value is None else convert(value) for value in array.to_pylist()]


def slices(array, children, build):
    offsets = array.offsets.to_pylist()
    valid = array.is_valid().to_pylist()
    return [build(children[offsets[i] : offsets[i + 1]]) if valid[i] else None for i in range(len(array))]


def rows_of(table):
    """Canonical rows of an Arrow table in its order."""
    columns = [
        [value for chunk in table.column(index).chunks for value in column_values(chunk)]
        for index in range(table.num_columns)
    ]
    return [list(row) for row in zip(*columns)] if columns else []


def reply_of(table):
    """What an engine answers a query with: names, and rows sorted by their JSON text unless the query ordered them."""
    return {"columns": table.column_names, "rows": rows_of(table)}
