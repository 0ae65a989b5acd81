/** The labels that are not saved yet, kept in IndexedDB: they outlive the tab, the network and the sign-in. */

import type { JournalEntry } from "./operations";

export interface Journal {
  load(): Promise<JournalEntry[]>;
  put(entries: readonly JournalEntry[]): Promise<void>;
  /** Removes one entry and rewrites others in one transaction. */
  settle(clientKey: string, rewritten: readonly JournalEntry[]): Promise<void>;
}

const STORE = "entries";

const done = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () =>
      reject(transaction.error ?? new Error("the browser's storage refused to write"));
  });

const answer = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's storage cannot be read"));
  });

function open(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    const store = request.result.createObjectStore(STORE, { keyPath: "clientKey" });
    store.createIndex("order", "n");
  };
  return answer(request);
}

type StoredEntry = JournalEntry & { readonly n: number };

/** Opens the journal; rejects where the browser offers no storage (then the queue lives in memory and says so). */
export async function openJournal(name = "tilscope-labels"): Promise<Journal> {
  const database = await open(name);
  const numbers = new Map<string, number>();
  let next = Date.now();

  const numbered = (entry: JournalEntry): StoredEntry => {
    const n = numbers.get(entry.clientKey) ?? next++;
    numbers.set(entry.clientKey, n);
    return { ...entry, n };
  };
  const write = (change: (store: IDBObjectStore) => void): Promise<void> => {
    const transaction = database.transaction(STORE, "readwrite", { durability: "strict" });
    change(transaction.objectStore(STORE));
    return done(transaction);
  };

  return {
    async load() {
      const index = database.transaction(STORE, "readonly").objectStore(STORE).index("order");
      const stored = (await answer(index.getAll())) as StoredEntry[];
      stored.forEach(({ clientKey, n }) => numbers.set(clientKey, n));
      next = Math.max(next, ...stored.map(({ n }) => n + 1));
      return stored.map(({ n: _n, ...entry }) => entry as JournalEntry);
    },
    put: (entries) => write((store) => entries.forEach((entry) => store.put(numbered(entry)))),
    settle: (clientKey, rewritten) =>
      write((store) => {
        store.delete(clientKey);
        rewritten.forEach((entry) => store.put(numbered(entry)));
      }),
  };
}
