"""PyIceberg; its steps on tables are methods, for it has no SQL."""

from pyiceberg.catalog.rest import RestCatalog

from canonical import reply_of
from pyiceberg_steps import Steps
from server import firn, serve


class PyIceberg(Steps):
    def __init__(self):
        uri, token = firn()
        self.catalog = RestCatalog("firn", uri=uri, token=token)
        self.planned = RestCatalog("planned", uri=uri, token=token, **{"scan-planning-mode": "server"})

    def sql(self, sql):
        """Understands SELECT * FROM namespace.table alone."""
        start = "SELECT * FROM "
        if not sql.startswith(start):
            raise ValueError("PyIceberg has no SQL")
        return reply_of(self.catalog.load_table(sql.removeprefix(start)).scan().to_arrow())

    def scan_planned(self, table, filter):
        """The rows of a scan that the catalog plans."""
        return reply_of(self.planned.load_table(table).scan(row_filter=filter).to_arrow())


serve(PyIceberg)
