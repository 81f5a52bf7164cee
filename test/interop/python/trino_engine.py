"""A client of Trino's HTTP protocol; results are brought into canonical form by their column types."""

import base64
import json
import os
import re
import struct
import time
import urllib.request

from canonical import canonical_float, canonical_map, canonical_text
from server import serve

CLOCK = re.compile(r"^(\d\d):(\d\d):(\d\d)(?:\.(\d+))?$")
STAMP = re.compile(r"^([+-]?\d+)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d+))?( UTC)?$")


def days_from_civil(year, month, day):
    """Days since 1970-01-01 in the proleptic Gregorian calendar, any year."""
    shifted = year - (month <= 2)
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def clock(hours, minutes, seconds, fraction, digits):
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 10**digits + int((fraction or "0").ljust(digits, "0"))


def timestamp(text, digits):
    year, month, day, hours, minutes, seconds, fraction, _ = STAMP.match(text).groups()
    days = days_from_civil(int(year), int(month), int(day))
    return days * 86_400 * 10**digits + clock(hours, minutes, seconds, fraction, digits)


def converter(signature):
    name = signature["rawType"]
    arguments = [argument["value"] for argument in signature["arguments"]]
    if name == "boolean":
        return bool
    if name in ("tinyint", "smallint", "integer", "bigint", "decimal"):
        return str
    if name in ("double",):
        return lambda value: canonical_float(float(value))
    if name == "real":
        return lambda value: canonical_float(struct.unpack("f", struct.pack("f", float(value)))[0])
    if name in ("varchar", "uuid", "char"):
        return canonical_text
    if name == "varbinary":
        return lambda value: base64.b64decode(value).hex()
    if name == "date":
        def day(text):
            year, month, rest = text.rsplit("-", 2)
            return f"date:{days_from_civil(int(year), int(month), int(rest))}"

        return day
    if name == "time":
        return lambda text: f"time:{clock(*CLOCK.match(text).groups(), 6)}"
    if name.startswith("timestamp"):
        if int(arguments[0]) > 6:
            return lambda text: f"ns:{timestamp(text, 9)}"
        return lambda text: f"ts:{timestamp(text, 6)}"
    if name == "array":
        element = optional(converter(arguments[0]))
        return lambda values: [element(value) for value in values]
    if name == "map":
        key, item = converter(arguments[0]), optional(converter(arguments[1]))
        return lambda values: canonical_map((key(k), item(v)) for k, v in values.items())
    if name == "row":
        fields = [(field["fieldName"]["name"], optional(converter(field["typeSignature"]))) for field in arguments]
        return lambda values: {name: convert(value) for (name, convert), value in zip(fields, values)}
    raise TypeError(f"no canonical form for Trino's {name}")


def optional(convert):
    return lambda value: None if value is None else convert(value)


class Trino:
    def __init__(self):
        self.url = os.environ["TRINO_URL"]

    def fetch(self, url, data=None):
        headers = {
            "X-Trino-User": "interop",
            "X-Trino-Catalog": "firn",
            "X-Trino-Time-Zone": "UTC",
            "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",
        }
        request = urllib.request.Request(url, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.loads(response.read(), parse_float=str, parse_int=str)

    def sql(self, sql):
        """Runs a statement; a server that has just started may not know itself as a worker yet."""
        for attempt in range(100):
            try:
                return self.run(sql)
            except RuntimeError as error:
                if "NO_NODES_AVAILABLE" not in str(error) or attempt == 99:
                    raise
                time.sleep(0.2)

    def run(self, sql):
        reply = self.fetch(f"{self.url}/v1/statement", sql.encode())
        columns, rows = [], []
        while True:
            if "error" in reply:
                error = reply["error"]
                raise RuntimeError(f"{error['errorName']}: {error['message']}")
            columns = reply.get("columns", columns)
            if "data" in reply:
                convert = [optional(converter(column["typeSignature"])) for column in columns]
                rows += [[c(value) for c, value in zip(convert, row)] for row in reply["data"]]
            if "nextUri" not in reply:
                return {"columns": [column["name"] for column in columns], "rows": rows}
            if reply["stats"]["state"] == "QUEUED":
                time.sleep(0.02)
            reply = self.fetch(reply["nextUri"])


serve(Trino)
