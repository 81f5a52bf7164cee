// Sorting row numbers by one array of doubles. Stable.

/** Rows sorted by insertion before they are merged. */
export const RUN_ROWS = 12;

/** The rows 0 .. count - 1 in the order of a key. The values travel with the rows, so that comparing reads memory in order. */
export function sortSingle(key: Float64Array, count: number): Int32Array {
  let rows = new Int32Array(count);
  let values = key.slice();
  let ordered = true;
  for (let i = 0; i < count; i++) {
    rows[i] = i;
    if (i > 0 && (values[i] as number) < (values[i - 1] as number)) ordered = false;
  }
  if (ordered) return rows;
  for (let start = 0; start < count; start += RUN_ROWS) {
    const end = Math.min(start + RUN_ROWS, count);
    for (let i = start + 1; i < end; i++) {
      const value = values[i] as number;
      const row = rows[i] as number;
      let j = i - 1;
      while (j >= start && (values[j] as number) > value) {
        values[j + 1] = values[j] as number;
        rows[j + 1] = rows[j] as number;
        j--;
      }
      values[j + 1] = value;
      rows[j + 1] = row;
    }
  }
  let otherRows = new Int32Array(count);
  let otherValues = new Float64Array(count);
  for (let width = RUN_ROWS; width < count; width *= 2) {
    for (let start = 0; start < count; start += width * 2) {
      const middle = Math.min(start + width, count);
      const end = Math.min(start + width * 2, count);
      let left = start;
      let right = middle;
      for (let out = start; out < end; out++) {
        const takeLeft = left < middle && (right >= end || (values[left] as number) <= (values[right] as number));
        const from = takeLeft ? left++ : right++;
        otherValues[out] = values[from] as number;
        otherRows[out] = rows[from] as number;
      }
    }
    [rows, otherRows] = [otherRows, rows];
    [values, otherValues] = [otherValues, values];
  }
  return rows;
}
