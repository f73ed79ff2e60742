import { load } from 'js-yaml';
import * as z from 'zod';
import { Failure } from '../access/failure.ts';
import type { ApiServer } from './transport.ts';

/** A kubeconfig, as far as it is used (https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/). */
const kubeconfigSchema = z.looseObject({
  'current-context': z.string().min(1),
  clusters: z.array(z.looseObject({ name: z.string(), cluster: z.record(z.string(), z.unknown()) })),
  users: z.array(z.looseObject({ name: z.string(), user: z.record(z.string(), z.unknown()).nullish() })),
  contexts: z.array(
    z.looseObject({ name: z.string(), context: z.looseObject({ cluster: z.string(), user: z.string() }) }),
  ),
});

const FLAT = 'kubectl config view --minify --flatten --raw writes one with everything in it';
/** A kubeconfig with one user and an embedded certificate has some 6 KB. */
const LARGEST = 64 * 1024;

/**
 * How to reach the API server of a kubeconfig's current context. Only what stands in the text itself is taken: no file is
 * opened, no program run, no certificate left unchecked.
 * @param where What the text is, for messages: `the secret gatehouse/kubeconfigs/edge`.
 * @throws Failure `invalid` that says what is wrong with it, and quotes nothing of it.
 */
export function apiServerOf(text: string, where: string): ApiServer {
  const refuse = (why: string, remedy = FLAT) =>
    new Failure('invalid', `${where} is not usable as kubeconfig: ${why}`, { remedy });
  if (Buffer.byteLength(text) > LARGEST) throw refuse('it is too large');
  const config = parsed(text);
  if (!config) throw refuse('it is not a kubeconfig with current-context, clusters, users and contexts');
  const context = config.contexts.find(({ name }) => name === config['current-context'])?.context;
  if (!context) throw refuse('its current-context is none of its contexts');
  const cluster = config.clusters.find(({ name }) => name === context.cluster)?.cluster;
  const user = config.users.find(({ name }) => name === context.user)?.user;
  if (!cluster || !user) throw refuse('the cluster or the user of its current context is missing');
  const { server, 'certificate-authority-data': authority } = cluster;
  if (typeof server !== 'string' || !server.startsWith('https://')) throw refuse('its server is not an https address');
  if (cluster['insecure-skip-tls-verify'] === true) {
    throw refuse(
      'it says not to verify the certificate of the server',
      'put the certificate-authority-data of the cluster in it',
    );
  }
  for (const member of ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile']) {
    if (cluster[member] !== undefined || user[member] !== undefined)
      throw refuse(`its ${member} is a file of somebody's machine`);
  }
  for (const member of ['exec', 'auth-provider', 'username']) {
    if (user[member] === undefined) continue;
    throw refuse(
      `its user comes by ${member}`,
      'make a service account for Gatehouse in the cluster, and put its token in',
    );
  }
  const { token, 'client-certificate-data': certificate, 'client-key-data': key } = user;
  const trusted = typeof authority === 'string' ? { certificateAuthority: authority } : {};
  if (typeof token === 'string' && token !== '') return { server, ...trusted, token: async () => token };
  if (typeof certificate === 'string' && typeof key === 'string')
    return { server, ...trusted, client: { certificate, key } };
  throw refuse('its user has neither a token nor a client certificate with its key');
}

function parsed(text: string) {
  try {
    return kubeconfigSchema.safeParse(load(text)).data;
  } catch {
    // The parser quotes what it cannot read, and here that may be a key.
    return undefined;
  }
}
