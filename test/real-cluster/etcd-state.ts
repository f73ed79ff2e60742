/** The state of a cluster as it is in etcd at one moment, to which a test's cluster returns. */
export interface EtcdState {
  /** Undoes everything that was made, changed or deleted since, whoever did it. Answers the keys, like `/registry/pods/NS/NAME`. */
  restore(): Promise<{ readonly removed: readonly string[]; readonly put: readonly string[] }>;
}

interface Pair {
  readonly key: string;
  readonly value?: string;
  readonly mod_revision: string;
}

interface Remembered {
  readonly value: string;
  revision: string;
}

const ROOT = '/registry/';
/** What the control plane writes on its own, all the time, and no test does. */
const ALIVE = /^\/registry\/(leases|masterleases|ranges)\//;
/** Operations that etcd takes in one transaction, unless told. */
const TRANSACTION = 128;

/** Remembers all that is in etcd now. @see https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/ */
export async function rememberState(etcdUrl: string): Promise<EtcdState> {
  const call = async <T>(what: 'range' | 'txn', body: object): Promise<T> => {
    const answer = await fetch(`${etcdUrl}/v3/kv/${what}`, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`etcd answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const read = async (keysOnly: boolean): Promise<readonly Pair[]> => {
    const range = { key: base64(ROOT), range_end: base64(ROOT.replace(/\/$/, '0')), keys_only: keysOnly };
    const { kvs = [] } = await call<{ kvs?: readonly Pair[] }>('range', range);
    return kvs.filter(({ key }) => !ALIVE.test(text(key)));
  };
  const remembered = new Map<string, Remembered>();
  for (const { key, value = '', mod_revision } of await read(false)) {
    remembered.set(key, { value, revision: mod_revision });
  }

  return {
    async restore() {
      const now = new Map((await read(true)).map(({ key, mod_revision }) => [key, mod_revision]));
      const made = [...now.keys()].filter((key) => !remembered.has(key));
      const changed = [...remembered].filter(([key, { revision }]) => now.get(key) !== revision);
      const operations = [
        ...made.map((key) => ({ requestDeleteRange: { key } })),
        ...changed.map(([key, { value }]) => ({ requestPut: { key, value } })),
      ];
      for (let from = 0; from < operations.length; from += TRANSACTION) {
        const success = operations.slice(from, from + TRANSACTION);
        const { header } = await call<{ header: { revision: string } }>('txn', { success });
        for (const operation of success) {
          const put = 'requestPut' in operation ? remembered.get(operation.requestPut.key) : undefined;
          if (put) put.revision = header.revision;
        }
      }
      return { removed: made.map(text), put: changed.map(([key]) => text(key)) };
    },
  };
}

const base64 = (key: string) => Buffer.from(key).toString('base64');
const text = (key: string) => Buffer.from(key, 'base64').toString();
