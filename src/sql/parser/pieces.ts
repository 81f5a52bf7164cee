// A text put together from parts of another and from new text, which knows where its parts were.

/** A text and where its offsets are in the original. */
export interface MappedText {
  readonly text: string;
  /** UTF-16 offset in `text` → offset in the original. */
  readonly toOriginal: (offset: number) => number;
}

/** A part of the original by its offsets, or a text that stands for what is there. */
export type Piece =
  | { readonly start: number; readonly end: number }
  | { readonly start: number; readonly end: number; readonly text: string };

/** Joins pieces in the order given. Offsets inside a new text are those of what it stands for. */
export function joinPieces(original: string, pieces: readonly Piece[]): MappedText {
  const placed: { readonly at: number; readonly length: number; readonly piece: Piece }[] = [];
  let text = "";
  for (const piece of pieces) {
    const part = "text" in piece ? piece.text : original.slice(piece.start, piece.end);
    if (part === "") continue;
    placed.push({ at: text.length, length: part.length, piece });
    text += part;
  }
  return {
    text,
    toOriginal(offset) {
      const found = placed.find(({ at, length }) => offset < at + length);
      if (found === undefined) return original.length;
      const { piece, at } = found;
      return "text" in piece ? piece.start : piece.start + offset - at;
    },
  };
}

/** Replaces parts of a text; the parts are in order and do not overlap. */
export function replaceParts(
  original: string,
  parts: readonly { readonly start: number; readonly end: number; readonly text: string }[],
): MappedText {
  if (parts.length === 0) return { text: original, toOriginal: (offset) => offset };
  const pieces: Piece[] = [];
  let end = 0;
  for (const part of parts) {
    pieces.push({ start: end, end: part.start }, part);
    end = part.end;
  }
  pieces.push({ start: end, end: original.length });
  return joinPieces(original, pieces);
}

/** A change after a change: offsets of the second text in the original of the first. */
export function chain(first: MappedText, second: MappedText): MappedText {
  return { text: second.text, toOriginal: (offset) => first.toOriginal(second.toOriginal(offset)) };
}
