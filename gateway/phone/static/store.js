// What the phone remembers, in IndexedDB. Private keys are CryptoKeys that cannot be exported, not even from here.

// A request and a receipt are kept as each kiosk tells of them, so that none speaks for another.
const STORES = { kiosks: "id", requests: ["kiosk", "id"], receipts: ["kiosk", "digest"], records: "subject" };

let opening = null;

function database() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("ridgekey", 2);
    request.onupgradeneeded = () => upgrade(request.result, request.transaction);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

function upgrade(opened, transaction) {
  for (const [name, keyPath] of Object.entries(STORES)) {
    if (!opened.objectStoreNames.contains(name)) {
      opened.createObjectStore(name, { keyPath });
    } else if (Array.isArray(keyPath)) {
      transaction.objectStore(name).getAll().onsuccess = ({ target }) => {
        opened.deleteObjectStore(name);
        const store = opened.createObjectStore(name, { keyPath });
        target.result.forEach((each) => store.put(each));
      };
    }
  }
}

async function run(name, mode, work) {
  const transaction = (await database()).transaction(name, mode, { durability: "strict" });
  const request = work(transaction.objectStore(name));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

export const put = (name, value) => run(name, "readwrite", (store) => store.put(value));
export const get = (name, key) => run(name, "readonly", (store) => store.get(key));
export const all = (name) => run(name, "readonly", (store) => store.getAll());
export const remove = (name, key) => run(name, "readwrite", (store) => store.delete(key));

export async function removeOf(name, kiosk) {
  for (const each of await all(name)) {
    if (each.kiosk === kiosk) await remove(name, STORES[name].map((field) => each[field]));
  }
}
