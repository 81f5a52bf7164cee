"""What PyIceberg does to tables in the interop run. Each method takes the table's name."""

import datetime
import uuid
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import And, EqualTo, GreaterThanOrEqual, LessThan
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, MonthTransform, TruncateTransform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

UTC = datetime.timezone.utc

TYPES = Schema(
    NestedField(1, "b", BooleanType()),
    NestedField(2, "i", IntegerType()),
    NestedField(3, "l", LongType()),
    NestedField(4, "f", FloatType()),
    NestedField(5, "d", DoubleType()),
    NestedField(6, "dec9", DecimalType(9, 2)),
    NestedField(7, "dec18", DecimalType(18, 6)),
    NestedField(8, "dec38", DecimalType(38, 10)),
    NestedField(9, "dt", DateType()),
    NestedField(10, "tm", TimeType()),
    NestedField(11, "tz", TimestamptzType()),
    NestedField(12, "ntz", TimestampType()),
    NestedField(13, "s", StringType()),
    NestedField(14, "u", UUIDType()),
    NestedField(15, "fx", FixedType(5)),
    NestedField(16, "bin", BinaryType()),
    NestedField(17, "st", StructType(NestedField(20, "a", IntegerType()), NestedField(21, "b", StringType()))),
    NestedField(18, "li", ListType(22, IntegerType(), element_required=False)),
    NestedField(19, "m", MapType(23, StringType(), 24, LongType(), value_required=False)),
)

EVENTS = Schema(
    NestedField(1, "id", LongType()),
    NestedField(2, "region", StringType()),
    NestedField(3, "amount", DecimalType(10, 2)),
    NestedField(4, "at", TimestamptzType()),
)


def at(day, hour=0):
    return datetime.datetime(2024, 1, 1, tzinfo=UTC) + datetime.timedelta(days=day, hours=hour)


def events(ids, region=lambda id: f"r{id % 3}", amount=lambda id: Decimal(id) / 4):
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "region": pa.array([region(id) for id in ids], pa.string()),
            "amount": pa.array([amount(id).quantize(Decimal("0.01")) for id in ids], pa.decimal128(10, 2)),
            "at": pa.array([at(id % 5, id % 24) for id in ids], pa.timestamp("us", tz="UTC")),
        }
    )


def typed_array(value, kind):
    """One value as an array of an Arrow type, extension types (uuid) by their storage."""
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, pa.array([value], kind.storage_type))
    return pa.array([value], kind)


class Steps:
    def create_namespace(self, name):
        self.catalog.create_namespace_if_not_exists(name)

    def create_types(self, table):
        self.catalog.create_table(table, schema=TYPES)

    def insert_types(self, table):
        loaded = self.catalog.load_table(table)
        rows = [
            [True, 1, 2, 1.5, 2.5, Decimal("1.23"), Decimal("4.567890"), Decimal("12345678901234567890.0123456789"),
             datetime.date(2024, 2, 29), datetime.time(23, 59, 59, 999999), at(3), datetime.datetime(2024, 2, 29, 1, 2, 3, 4),
             "héllo ✓ 🐧", uuid.UUID("f79c3e09-677c-4bbd-a479-3f349cb785e7").bytes, b"\x00\xffabc", b"\x00\x01\xff",
             {"a": 1, "b": "x"}, [1, None, 3], [("k", 1), ("ß", None)]],
            [False, -(2**31), -(2**63), float("nan"), float("nan"), Decimal("-9999999.99"), Decimal("-999999999999.999999"),
             Decimal("-9999999999999999999999999999.9999999999"), datetime.date(1, 1, 1), datetime.time(0), at(-700_000),
             datetime.datetime(1, 1, 1), "", b"\x00" * 16, b"\x00" * 5, b"", {"a": None, "b": None}, [], []],
            [True, 2**31 - 1, 2**63 - 1, float("inf"), float("-inf"), Decimal("9999999.99"), Decimal("999999999999.999999"),
             Decimal("9999999999999999999999999999.9999999999"), datetime.date(9999, 12, 31), datetime.time(12), at(60_000),
             datetime.datetime(2199, 12, 31, 23, 59, 59, 999999), "long " * 50, b"\xff" * 16, b"\xff" * 5, b"\xab" * 40,
             {"a": 7, "b": ""}, [None], [("", 0)]],
            [None] * len(TYPES.fields),
        ]
        schema = loaded.schema().as_arrow()
        for row in rows:
            arrays = [typed_array(value, field.type) for value, field in zip(row, schema)]
            loaded.append(pa.Table.from_arrays(arrays, schema=schema))

    def create_events(self, table):
        spec = PartitionSpec(
            PartitionField(2, 1000, IdentityTransform(), "region"), PartitionField(4, 1001, DayTransform(), "at_day")
        )
        self.catalog.create_table(table, schema=EVENTS, partition_spec=spec)

    def create_regions(self, table):
        spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "region"))
        self.catalog.create_table(table, schema=EVENTS, partition_spec=spec)

    def append(self, table):
        loaded = self.catalog.load_table(table)
        loaded.append(events(range(0, 100)))
        loaded.append(events(range(100, 200)))

    def delete_partition(self, table):
        self.catalog.load_table(table).delete(EqualTo("region", "r2"))

    def delete_rows(self, table):
        self.catalog.load_table(table).delete(And(GreaterThanOrEqual("id", 10), LessThan("id", 17)))

    def overwrite(self, table):
        self.catalog.load_table(table).overwrite(
            events(range(1000, 1010)), overwrite_filter=And(GreaterThanOrEqual("id", 20), LessThan("id", 40))
        )

    def dynamic_overwrite(self, table):
        loaded = self.catalog.load_table(table)
        loaded.dynamic_partition_overwrite(events(range(2000, 2005), region=lambda id: "r1"))

    def upsert(self, table):
        self.catalog.load_table(table).upsert(
            events(range(150, 210), region=lambda id: "up", amount=lambda id: Decimal(-1)), join_cols=["id"]
        )

    def change_schema(self, table):
        with self.catalog.load_table(table).update_schema() as update:
            update.add_column("note", StringType(), doc="added later")
            update.update_column("amount", DecimalType(20, 2))
            update.rename_column("amount", "total")
            update.move_first("region")
            update.add_column("place", StructType(NestedField(90, "x", IntegerType()), NestedField(91, "y", FloatType())))

    def append_after_schema_change(self, table):
        loaded = self.catalog.load_table(table)
        rows = events(range(3000, 3010), region=lambda id: "late")
        places = pa.array([{"x": 1, "y": 0.5}] * 9 + [None], pa.struct([("x", pa.int32()), ("y", pa.float32())]))
        columns = {
            "id": rows["id"],
            "region": rows["region"],
            "total": rows["amount"].cast(pa.decimal128(20, 2)),
            "at": rows["at"],
            "note": pa.chunked_array([["n"] * 10]),
            "place": pa.chunked_array([places]),
        }
        names = [field.name for field in loaded.schema().as_arrow()]
        loaded.append(pa.Table.from_arrays([columns[name] for name in names], names=names))

    def change_partitions(self, table):
        with self.catalog.load_table(table).update_spec() as update:
            update.remove_field("at_day")
            update.add_field("at", MonthTransform(), "at_month")
            update.add_field("id", BucketTransform(4), "id_bucket")
            update.remove_field("region")
        self.append_after_schema_change(table)
        # PyIceberg refuses two partition fields of one column within a spec.
        with self.catalog.load_table(table).update_spec() as update:
            update.add_field("region", TruncateTransform(2), "region_start")
        self.append_after_schema_change(table)

    def drop_column(self, table):
        with self.catalog.load_table(table).update_schema() as update:
            update.delete_column("note")

    def batch_rows(self, lane, writer, batch, count):
        rows = range(count)
        return pa.table(
            {
                "event_id": pa.array([f"{writer}-{batch}-{n}" for n in rows], pa.string()),
                "lane": pa.array([lane] * count, pa.string()),
                "writer": pa.array([writer] * count, pa.string()),
                "batch": pa.array([batch] * count, pa.int64()),
                "n": pa.array(rows, pa.int64()),
            }
        )

    def append_batch(self, table, lane, writer, batch, count):
        self.catalog.load_table(table).append(self.batch_rows(lane, writer, batch, count))

    def delete_batch(self, table, lane, writer, batch, count):
        wanted = And(EqualTo("lane", lane), EqualTo("writer", writer), EqualTo("batch", batch))
        self.catalog.load_table(table).delete(wanted)

    def update_batch(self, table, lane, writer, batch, count, step):
        """Adds the step to the column n of a batch's rows."""
        loaded = self.catalog.load_table(table)
        wanted = And(EqualTo("lane", lane), EqualTo("writer", writer), EqualTo("batch", batch))
        rows = loaded.scan(row_filter=wanted).to_arrow()
        numbers = pc.add(rows["n"], step)
        loaded.overwrite(rows.set_column(rows.schema.get_field_index("n"), "n", numbers), overwrite_filter=wanted)
