// How Firn's own clients tell Firn's catalog that they need no history of a table: neither in loads with snapshots=refs
// nor in the replies to commits, which are then as short after ten thousand commits as after one. Others ignore it.

/** Set to {@link NO_HISTORY}: replies hold the snapshots that branches and tags name, and no log beside. */
export const HISTORY_HEADER = "x-firn-history";
export const NO_HISTORY = "none";
