"""PyIceberg; its steps on tables are methods, for it has no SQL."""

from pyiceberg.catalog.rest import RestCatalog

from canonical import reply_of
from pyiceberg_steps import Steps
from server import firn, serve


class PyIceberg(Steps):
    def __init__(self):
        uri, token = firn()
        self.catalog = RestCatalog("firn", uri=uri, token=token)

    def sql(self, sql):
        """Understands SELECT * FROM namespace.table alone."""
        start = "SELECT * FROM "
        if not sql.startswith(start):
            raise ValueError("PyIceberg has no SQL")
        return reply_of(self.catalog.load_table(sql.removeprefix(start)).scan().to_arrow())


serve(PyIceberg)
