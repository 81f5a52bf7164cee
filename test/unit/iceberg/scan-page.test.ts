// Plans in pages and parts: however a scan is cut, each file is in exactly one of the pieces.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { findSnapshot } from "../../../src/iceberg/table-metadata.ts";
import { openPagedScan, type PagedScan, type ScanRange } from "../../../src/iceberg/scan-page.ts";
import { dataFile } from "../../support/content-files.ts";
import {
  added,
  createCountingIO,
  existing,
  snapshotJson,
  tableMetadata,
  writeList,
  writeManifest,
} from "../../support/metadata-table.ts";

const SCHEMA = {
  type: "struct",
  "schema-id": 0,
  fields: [{ id: 1, name: "id", required: true, type: "long" }],
} as const;
const ALL = { kind: "constant", value: true } as const;

async function openScan(sizes: readonly number[], shownFewer = 0): Promise<PagedScan> {
  const metadata = tableMetadata(SCHEMA, { snapshots: [snapshotJson(1n)] });
  const io = createCountingIO();
  const manifests = sizes.map((size, at) => {
    const data = Array.from({ length: size }, (_, n) =>
      added(dataFile(`${at}-${n}`, { recordCount: n % 5 === 4 ? 0 : 1 })),
    );
    const manifest = writeManifest(io, metadata, `s3://lake/t/m${at}.avro`, 0, { data });
    return { ...manifest, addedFiles: Math.max(1, manifest.addedFiles - shownFewer) };
  });
  writeList(io, metadata, manifests);
  const snapshot = findSnapshot(metadata, 1n);
  if (snapshot === undefined) throw new Error("no snapshot");
  return openPagedScan(io, metadata, { snapshots: [snapshot], isIncrement: false }, ALL);
}

async function readRange(scan: PagedScan, range: ScanRange, files: number, entries: number): Promise<string[]> {
  const found: string[] = [];
  for (let from = range.from; ;) {
    const page = await scan.page({ from, to: range.to }, { files, entries });
    expect(page.files.length).toBeLessThanOrEqual(files);
    found.push(...page.files.map(({ file }) => file.dataFile.filePath));
    if (page.next === undefined) return found;
    from = page.next;
  }
}

const withRows = (sizes: readonly number[]): string[] =>
  sizes.flatMap((size, at) =>
    Array.from({ length: size }, (_, n) => n).flatMap((n) => (n % 5 === 4 ? [] : [`${at}-${n}`])),
  );

test("I282 pages of any size, of parts of any size, hold each file once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 9 }),
      fc.integer({ min: 1, max: 15 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 15 }),
      fc.integer({ min: 0, max: 2 }),
      async (sizes, files, entries, part, shownFewer) => {
        const scan = await openScan(sizes, shownFewer);
        expect(await readRange(scan, scan.whole, files, entries)).toEqual(withRows(sizes));
        const parts = await Promise.all(
          scan.divide(scan.whole, part).map((range) => readRange(scan, range, files, entries)),
        );
        expect(parts.flat()).toEqual(withRows(sizes));
        // What is left after a first page is divided as well.
        const first = await scan.page(scan.whole, { files, entries });
        if (first.next === undefined) return;
        const rest = scan.divide({ from: first.next, to: scan.whole.to }, part);
        const others = await Promise.all(rest.map((range) => readRange(scan, range, files, entries)));
        expect([...first.files.map(({ file }) => file.dataFile.filePath), ...others.flat()]).toEqual(withRows(sizes));
      },
    ),
    { numRuns: 150 },
  );
});

test("I282 an increment of many files among many others is paged as well", async () => {
  const metadata = tableMetadata(SCHEMA, { snapshots: [snapshotJson(1n)] });
  const io = createCountingIO();
  const data = Array.from({ length: 40 }, (_, n) =>
    n % 2 === 0 ? added(dataFile(`a${n}`)) : existing(dataFile(`e${n}`), 1n),
  );
  const manifest = writeManifest(io, metadata, "s3://lake/t/m.avro", 0, { data });
  const older = writeManifest(io, metadata, "s3://lake/t/o.avro", 0, { data: [added(dataFile("old"))] });
  writeList(io, metadata, [{ ...older, addedSnapshotId: 7n }, manifest]);
  const snapshots = metadata.snapshots;
  const scan = await openPagedScan(io, metadata, { snapshots, isIncrement: true }, ALL);
  const found = await readRange(scan, scan.whole, 3, 1_000);
  expect(found).toEqual(Array.from({ length: 20 }, (_, n) => `a${2 * n}`));
});
