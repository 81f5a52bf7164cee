"""One Spark session (local mode) with the catalog as `firn`."""

import os

from pyspark.sql import SparkSession

from canonical import reply_of
from server import firn, serve


class Spark:
    def __init__(self):
        uri, token = firn()
        catalog = {
            "": "org.apache.iceberg.spark.SparkCatalog",
            ".type": "rest",
            ".uri": uri,
            ".token": token,
            ".io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
            # Tables that others change too: a cached one is up to 30 s old.
            ".cache-enabled": "false",
        }
        settings = {
            **{f"spark.sql.catalog.firn{name}": value for name, value in catalog.items()},
            # The same catalog, which is asked to plan: it lets those do so who may not write.
            **{f"spark.sql.catalog.planned{name}": value for name, value in catalog.items()},
            "spark.sql.catalog.planned.token": os.environ["FIRN_READ_TOKEN"],
            "spark.sql.catalog.planned.scan-planning-mode": "server",
            # One that may write and is set to plan there: the catalog's tables say otherwise.
            **{f"spark.sql.catalog.writer{name}": value for name, value in catalog.items()},
            "spark.sql.catalog.writer.scan-planning-mode": "server",
            "spark.jars": os.environ["SPARK_JARS"],
            "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.shuffle.partitions": "2",
            "spark.default.parallelism": "2",
            "spark.sql.defaultCatalog": "firn",
            "spark.driver.memory": "1500m",
            "spark.driver.extraJavaOptions": "-Daws.region=auto -Duser.timezone=UTC",
            "spark.ui.enabled": "false",
            "spark.sql.adaptive.enabled": "false",
            "spark.sql.execution.arrow.pyspark.enabled": "true",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.log.level": "ERROR",
        }
        builder = SparkSession.builder.master("local[2]").appName("firn-interop")
        for name, value in settings.items():
            builder = builder.config(name, value)
        self.session = builder.getOrCreate()

    def sql(self, sql):
        frame = self.session.sql(sql)
        return reply_of(frame.toArrow()) if frame.columns else {"columns": [], "rows": []}

    def version(self):
        return self.session.version


serve(Spark)
