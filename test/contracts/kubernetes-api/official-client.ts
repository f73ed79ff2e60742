import { ApiException, CoreV1Api, type KubeConfig, RbacAuthorizationV1Api } from '@kubernetes/client-node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TOKEN_HOLDERS } from './api.ts';

/** A cluster in the state of a new one, as `@kubernetes/client-node` reaches it. */
export interface ClusterForClient {
  /** @param username one of {@link TOKEN_HOLDERS}. */
  config(username: string): KubeConfig;
  close?(): void | Promise<void>;
}

const failed = async (call: Promise<unknown>) => {
  const error = await call.catch((thrown: unknown) => thrown);
  if (!(error instanceof ApiException)) throw new Error(`expected an answer of the API server, got ${String(error)}`);
  return { code: error.code, status: JSON.parse(error.body as string) };
};

/** What the official client, which the core is built on, makes of an API server. */
export function officialClientContract(name: string, make: () => ClusterForClient | Promise<ClusterForClient>): void {
  const clients = async (username = TOKEN_HOLDERS[0]!.username) => {
    const cluster = await make();
    onTestFinished(async () => cluster.close?.());
    const config = cluster.config(username);
    return { core: config.makeApiClient(CoreV1Api), rbac: config.makeApiClient(RbacAuthorizationV1Api) };
  };
  const namespace = 'default';

  describe(`the official client: ${name}`, () => {
    it('creates, reads, replaces and deletes', async () => {
      const { core } = await clients();
      const body = { metadata: { name: 'a' }, data: { k: '1' } };
      const made = await core.createNamespacedConfigMap({ namespace, body });
      expect(made.metadata?.creationTimestamp).toBeInstanceOf(Date);
      const read = await core.readNamespacedConfigMap({ name: 'a', namespace });
      expect(read).toEqual(made);
      const next = await core.replaceNamespacedConfigMap({ name: 'a', namespace, body: { ...read, data: { k: '2' } } });
      expect(next.data).toEqual({ k: '2' });
      const stale = core.replaceNamespacedConfigMap({ name: 'a', namespace, body: { ...read, data: { k: '3' } } });
      expect(await failed(stale)).toMatchObject({
        code: 409,
        status: { reason: 'Conflict', details: { name: 'a', kind: 'configmaps' } },
      });
      await core.deleteNamespacedConfigMap({ name: 'a', namespace });
      expect(await failed(core.readNamespacedConfigMap({ name: 'a', namespace }))).toMatchObject({ code: 404 });
    });

    it('is forbidden what its user may not', async () => {
      const { core } = await clients('connector');
      expect(await failed(core.listNamespacedPod({ namespace: 'pay' }))).toMatchObject({
        code: 403,
        status: {
          message:
            'pods is forbidden: User "connector" cannot list resource "pods" in API group "" in the namespace "pay"',
        },
      });
    });

    it('pages', async () => {
      const { rbac } = await clients();
      const labels = { paged: 'yes' };
      for (const letter of 'abcdefg') {
        await rbac.createClusterRole({ body: { metadata: { name: letter, labels }, rules: [] } });
      }
      const pages: (string | undefined)[] = [];
      let next: string | undefined;
      do {
        const asked = { labelSelector: 'paged', limit: 3, ...(next ? { _continue: next } : {}) };
        const page = await rbac.listClusterRole(asked);
        pages.push(page.items.map(({ metadata }) => metadata?.name).join(''));
        next = page.metadata?._continue;
      } while (next);
      expect(pages.join('|')).toMatch(/^abc\|def\|g/);
    });

    it('lets exactly one of two writers win each round', async () => {
      const { core } = await clients();
      const where = { name: 'counter', namespace };
      await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'counter' }, data: { n: '0' } } });
      let conflicts = 0;
      const increment = async () => {
        for (;;) {
          const read = await core.readNamespacedConfigMap(where);
          const body = { ...read, data: { n: String(Number(read.data?.n) + 1) } };
          const answer = await core.replaceNamespacedConfigMap({ ...where, body }).catch((error: unknown) => error);
          if (!(answer instanceof ApiException)) return;
          expect(answer.code).toBe(409);
          conflicts += 1;
        }
      };
      const writer = async () => {
        for (let round = 0; round < 10; round += 1) await increment();
      };
      await Promise.all([writer(), writer()]);
      expect((await core.readNamespacedConfigMap(where)).data).toEqual({ n: '20' });
      expect(conflicts).toBeGreaterThan(0);
    });
  });
}
