"""Firn itself through POST /v1/query, answers as Arrow."""

import io
import json
import os
import urllib.error
import urllib.request

import pyarrow as pa

from canonical import reply_of
from server import serve


class Firn:
    def __init__(self):
        self.url = os.environ["FIRN_URL"]
        self.tokens = {"query": os.environ["FIRN_QUERY_TOKEN"], "write": os.environ["FIRN_WRITE_TOKEN"]}

    def post(self, scope, body):
        request = urllib.request.Request(
            f"{self.url}/v1/query",
            data=json.dumps(body).encode(),
            headers={"authorization": f"Bearer {self.tokens[scope]}", "content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=300) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{error.code} {error.read().decode()}") from None

    def sql(self, sql):
        reply = self.post("query", {"sql": sql, "format": "arrow", "cache": "bypass"})
        return reply_of(pa.ipc.open_stream(io.BytesIO(reply)).read_all())

    def change(self, sql):
        """A row-level change; the reply is Firn's counts."""
        return json.loads(self.post("write", {"sql": sql}))


serve(Firn)
