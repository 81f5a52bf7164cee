// Real events: the three million flights of the vega-datasets package, as analytics events with their true times.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { scalarAt } from "#columnar";
import { readParquetMetadata, scanParquet, type RangeReader } from "#parquet";
import { ROOT } from "./worker-configs.ts";

const FLIGHTS_FILE = join(ROOT, "node_modules/vega-datasets/data/flights-3m.parquet");
/** Flights in the file. */
export const FLIGHT_COUNT = 3_000_000;
/** Minutes after which the industry calls a flight delayed. */
const DELAYED_MINUTES = 15;

/** One flight as the event we send. */
export interface FlightEvent {
  readonly event_id: string;
  readonly event_type: "flight_delayed" | "flight_early" | "flight_on_time";
  readonly timestamp: string;
  /** The airport of departure. */
  readonly user_id: string;
  /** The route. */
  readonly session_id: string;
  readonly properties: { readonly delay: number; readonly distance: number; readonly destination: string };
}

/** The first `count` flights in order of departure, in batches of `batchSize`. */
export async function* flightEvents(count: number, batchSize: number): AsyncIterable<readonly FlightEvent[]> {
  const bytes = await readFile(FLIGHTS_FILE);
  const reader: RangeReader = {
    sizeBytes: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
  const metadata = await readParquetMetadata(reader);
  let batch: FlightEvent[] = [];
  let sent = 0;
  for await (const rows of scanParquet(reader, metadata, {
    columns: [0, 1, 2, 3, 4].map((leafIndex) => ({ leafIndex })),
  })) {
    const [date, delay, distance, origin, destination] = rows.columns;
    if (
      date === undefined ||
      delay === undefined ||
      distance === undefined ||
      origin === undefined ||
      destination === undefined
    ) {
      throw new Error(`${FLIGHTS_FILE} lacks a column`);
    }
    for (let i = 0; i < rows.rowCount; i++) {
      const minutes = Number(scalarAt(delay, i));
      const from = scalarAt(origin, i) as string;
      const to = scalarAt(destination, i) as string;
      batch.push({
        event_id: `flight-${sent}`,
        event_type: minutes >= DELAYED_MINUTES ? "flight_delayed" : minutes < 0 ? "flight_early" : "flight_on_time",
        timestamp: new Date(Number(scalarAt(date, i)) / 1000).toISOString(),
        user_id: from,
        session_id: `${from}-${to}`,
        properties: { delay: minutes, distance: Number(scalarAt(distance, i)), destination: to },
      });
      sent += 1;
      if (batch.length === batchSize || sent === count) {
        yield batch;
        batch = [];
      }
      if (sent === count) return;
    }
  }
}
