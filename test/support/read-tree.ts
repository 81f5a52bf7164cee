// Which parts of a parse tree are read: a copy of the tree that notes it.

/** A tree that notes what is read of it. */
export interface WatchedTree<T> {
  readonly tree: T;
  /** The fields that nobody read, as kind and name, such as `RangeVar.inh`. */
  readonly unread: () => ReadonlySet<string>;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/**
 * Watches a tree. Walking over all fields of a node is no reading: only who asks for a field by its name, or whether it
 * is there, reads it.
 */
export function watchTree<T extends object>(original: T): WatchedTree<T> {
  const root = structuredClone(original);
  const proxies = new WeakMap<object, object>();
  const watched = new WeakSet();
  const read = new WeakMap<object, Set<string>>();
  const walked = new WeakMap<object, string | symbol>();
  const note = (target: object, key: string | symbol): void => {
    const keys = read.get(target) ?? new Set<string>();
    read.set(target, keys.add(String(key)));
  };
  const wrap = (value: unknown): unknown => {
    if (!isObject(value) || watched.has(value)) return value;
    const known = proxies.get(value);
    if (known !== undefined) return known;
    const proxy = new Proxy(value, {
      get(target, key) {
        // Object.entries and its kin ask for the descriptor of a field right before the field.
        if (walked.get(target) === key) walked.delete(target);
        else note(target, key);
        const field: unknown = Reflect.get(target, key, target);
        return typeof field === "function" ? field : wrap(field);
      },
      has(target, key) {
        if (key in target) note(target, key);
        return key in target;
      },
      getOwnPropertyDescriptor(target, key) {
        walked.set(target, key);
        return Reflect.getOwnPropertyDescriptor(target, key);
      },
    });
    proxies.set(value, proxy);
    watched.add(proxy);
    return proxy;
  };
  return { tree: wrap(root) as T, unread: () => unreadIn(root, read) };
}

function unreadIn(root: object, read: WeakMap<object, Set<string>>): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (node: unknown, kind: string): void => {
    if (Array.isArray(node)) {
      for (const item of node) visit(item, kind);
      return;
    }
    if (!isObject(node)) return;
    const [only, ...others] = Object.keys(node);
    // A node is an object whose one key is its kind.
    if (only !== undefined && others.length === 0 && /^[A-Z]/.test(only)) {
      visit(node[only], only);
      return;
    }
    for (const [key, child] of Object.entries(node)) {
      if (key.endsWith("location")) continue;
      if (read.get(node)?.has(key) !== true) found.add(`${kind}.${key}`);
      else visit(child, Array.isArray(child) ? kind : `${kind}.${key}`);
    }
  };
  visit(root, "SelectStmt");
  return found;
}
