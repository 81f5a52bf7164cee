// Metadata bounded by policy: however long a table lives, its metadata file stays as large as what the policy keeps.

import { expect, test } from "vitest";
import { encodeTableMetadata, type Table } from "#iceberg";
import { createMovableClock } from "../../support/fault-lake.ts";
import { committed, createEvents } from "../../support/iceberg-files.ts";
import { createIcebergLake, eventsFile, storedKeys } from "../../support/iceberg-lake.ts";

const COMMITS = 2000;
const MINUTE_MS = 60_000;
/** Twenty minutes of snapshots, one a minute, and what piles up between two runs of expiry. */
const EXPIRY_EVERY = 20;
/** 40 snapshots of some 700 bytes, their log, 10 entries of the metadata log, a few schemas. */
const MAX_BYTES = 40 * 1024;

test(
  "L190 after 2,000 commits under the policy the metadata is below 40 KiB and its old files are gone",
  { timeout: 120_000 },
  async () => {
    const clock = createMovableClock();
    const lake = await createIcebergLake({ clock });
    let table: Table = await createEvents(lake, 2, {
      "history.expire.max-snapshot-age-ms": String(EXPIRY_EVERY * MINUTE_MS),
      "history.expire.min-snapshots-to-keep": "1",
      "write.metadata.previous-versions-max": "10",
      "write.metadata.delete-after-commit.enabled": "true",
      "commit.manifest.min-count-to-merge": "5",
    });
    let most = 0;
    for (let index = 0; index < COMMITS; index++) {
      clock.ms += MINUTE_MS;
      // Files go again, so that the table stays small and this stays fast; the metadata grows all the same.
      const append = index % 2 === 0;
      const file = eventsFile(`${index - (append ? 0 : 1)}.parquet`, 19_700);
      table = await committed(
        append ? table.newAppend().addFile(file).commit() : table.newDelete().deleteFile(file).commit(),
      );
      if (index % 100 === 50) table = await committed(table.updateSchema().addColumn(`c${index}`, "string").commit());
      if (index % 100 === 51)
        table = await committed(
          table
            .updateSchema()
            .deleteColumn(`c${index - 1}`)
            .commit(),
        );
      if (index % EXPIRY_EVERY !== EXPIRY_EVERY - 1) continue;
      most = Math.max(most, encodeTableMetadata(table.metadata).length);
      const { outcome } = await table.expireSnapshots().cleanExpiredMetadata().commit();
      table = outcome.outcome === "committed" ? outcome.table : table;
    }
    expect(most).toBeLessThan(MAX_BYTES);
    const { metadata } = table;
    expect(metadata.snapshots.length).toBeLessThanOrEqual(2 * EXPIRY_EVERY);
    expect(metadata["snapshot-log"].length).toBeLessThanOrEqual(metadata.snapshots.length);
    expect(metadata["metadata-log"]).toHaveLength(10);
    expect(metadata.schemas.length).toBeLessThanOrEqual(4);
    const files = (await storedKeys(lake.store)).filter((key) => key.endsWith(".metadata.json"));
    expect(files).toHaveLength(11);
  },
);
