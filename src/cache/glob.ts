// Matching texts with patterns of * and ?, in time linear in the text for each * at most: patterns come from clients.

/** Whether the pattern describes the whole text: `*` is any run of characters, `?` any one; letters' case is ignored. */
export function matchesGlob(pattern: string, text: string): boolean {
  const wanted = pattern.toLowerCase();
  const given = text.toLowerCase();
  let at = 0;
  let next = 0;
  /** Where to go on when the text does not fit: after the last star, one character further. */
  let star = -1;
  let retry = 0;
  while (at < given.length) {
    if (wanted[next] === "*") {
      star = next++;
      retry = at;
    } else if (next < wanted.length && (wanted[next] === "?" || wanted[next] === given[at])) {
      next++;
      at++;
    } else if (star >= 0) {
      next = star + 1;
      at = ++retry;
    } else {
      return false;
    }
  }
  while (wanted[next] === "*") next++;
  return next === wanted.length;
}
