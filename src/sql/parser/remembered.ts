// Parsed statements by their text: dashboards send the same few texts again and again, and a parse costs more than
// anything else that a small query does before it reads.

/** Longer texts are parsed each time, UTF-16 units. */
const MAX_TEXT_CHARACTERS = 8192;
/** All texts kept, UTF-16 units; their trees take about fifty bytes a unit. */
const MAX_KEPT_CHARACTERS = 32_768;

/** What was made of texts, the ones used last. */
export interface RememberedTexts<T extends object> {
  /** What `make` gives for the text, made once while it is remembered; frozen, since all who ask share it. */
  get(text: string, make: () => T): T;
}

/** Creates an empty memory. A `make` that throws is asked again the next time. */
export function createRememberedTexts<T extends object>(): RememberedTexts<T> {
  const kept = new Map<string, T>();
  let characters = 0;
  return {
    get(text, make) {
      const known = kept.get(text);
      if (known !== undefined) {
        kept.delete(text);
        kept.set(text, known);
        return known;
      }
      const made = make();
      if (text.length > MAX_TEXT_CHARACTERS) return made;
      freeze(made);
      kept.set(text, made);
      characters += text.length;
      for (const oldest of kept.keys()) {
        if (characters <= MAX_KEPT_CHARACTERS) break;
        kept.delete(oldest);
        characters -= oldest.length;
      }
      return made;
    },
  };
}

/** Makes a value of plain objects and arrays unchangeable, however deep it is nested. */
function freeze(value: object): void {
  const open: object[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    Object.freeze(next);
    for (const member of Object.values(next) as unknown[]) {
      if (typeof member === "object" && member !== null && !Object.isFrozen(member)) open.push(member);
    }
  }
}
