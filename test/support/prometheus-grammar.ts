// A strict reader of the Prometheus text format, for checking what /metrics says.

/** One parsed sample line. */
export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One parsed family. */
export interface ParsedFamily {
  readonly kind: string;
  readonly help: string;
  readonly samples: ParsedSample[];
}

const HELP = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\\n]|\\[\\n])*)$/;
const TYPE = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([-+]?(?:[0-9.]+(?:e[-+]?[0-9]+)?|Inf)|NaN)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)/y;
const UNESCAPED: Readonly<Record<string, string>> = { "\\\\": "\\", "\\n": "\n", '\\"': '"' };

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text);
    if (match === null) throw new Error(`bad labels: ${text}`);
    const name = String(match[1]);
    if (name in labels) throw new Error(`label twice: ${text}`);
    labels[name] = String(match[2]).replaceAll(/\\[\\n"]/g, (escape) => UNESCAPED[escape] ?? escape);
  }
  return labels;
}

function checkHistogram(name: string, family: ParsedFamily): void {
  const series = new Map<string, { last: number; lastBound: number; inf?: number; count?: number; sum?: number }>();
  for (const sample of family.samples) {
    const { le, ...rest } = sample.labels;
    const key = JSON.stringify(rest);
    const state = series.get(key) ?? { last: 0, lastBound: Number.NEGATIVE_INFINITY };
    series.set(key, state);
    if (sample.name === `${name}_bucket`) {
      const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
      if (!(bound > state.lastBound) || sample.value < state.last) throw new Error(`buckets not cumulative: ${name}`);
      state.last = sample.value;
      state.lastBound = bound;
      if (le === "+Inf") state.inf = sample.value;
    } else if (sample.name === `${name}_count`) state.count = sample.value;
    else if (sample.name === `${name}_sum`) state.sum = sample.value;
    else throw new Error(`${sample.name} is no histogram line`);
  }
  for (const state of series.values()) {
    if (state.inf === undefined || state.inf !== state.count || state.sum === undefined) {
      throw new Error(`histogram incomplete: ${name}`);
    }
  }
}

/** Parses exposition text; throws on anything the format does not allow. */
export function parsePrometheus(text: string): ReadonlyMap<string, ParsedFamily> {
  if (text !== "" && !text.endsWith("\n")) throw new Error("the last line has no line break");
  const families = new Map<string, ParsedFamily>();
  const seen = new Set<string>();
  let current: { name: string; help: string; family?: ParsedFamily } | undefined;
  for (const line of text.split("\n").slice(0, -1)) {
    const help = HELP.exec(line);
    const type = TYPE.exec(line);
    if (help !== null) {
      current = { name: String(help[1]), help: String(help[2]) };
      if (families.has(current.name)) throw new Error(`family twice: ${current.name}`);
      continue;
    }
    if (type !== null) {
      if (current?.name !== type[1] || current?.family !== undefined) throw new Error(`TYPE without HELP: ${line}`);
      const family: ParsedFamily = { kind: String(type[2]), help: current?.help ?? "", samples: [] };
      if (current !== undefined) current.family = family;
      families.set(String(type[1]), family);
      continue;
    }
    const sample = SAMPLE.exec(line);
    if (sample === null || current?.family === undefined) throw new Error(`bad line: ${line}`);
    const name = String(sample[1]);
    if (current.family.kind === "histogram" ? !name.startsWith(`${current.name}_`) : name !== current.name) {
      throw new Error(`sample outside its family: ${line}`);
    }
    const labels = parseLabels(sample[2] ?? "");
    const key = `${name}${JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`;
    if (seen.has(key)) throw new Error(`series twice: ${line}`);
    seen.add(key);
    const value = Number(String(sample[3]).replace("Inf", "Infinity"));
    if (current.family.kind === "counter" && (!name.endsWith("_total") || !(value >= 0))) {
      throw new Error(`not a counter: ${line}`);
    }
    current.family.samples.push({ name, labels, value });
  }
  for (const [name, family] of families) if (family.kind === "histogram") checkHistogram(name, family);
  return families;
}
