import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AwsError } from '../../sandbox/src/aws/aws-error.ts';
import { EksClusters } from '../../sandbox/src/aws/eks.ts';
import { EventBuses } from '../../sandbox/src/aws/event-bus.ts';
import type { AwsRequest } from '../../sandbox/src/aws/request.ts';
import type { RealCluster } from './cluster.ts';

/** The sandbox's EKS on its own, for one account and Region whose callers something else has authenticated. */
export interface EksService {
  readonly url: string;
  /** Lets DescribeCluster find a cluster that runs. */
  add(cluster: RealCluster): Promise<void>;
  stop(): Promise<void>;
}

/** Serves EKS on loopback: the emulator's own knows no clusters but those that it starts in containers. */
export async function startEksService({ account, region }: { account: string; region: string }): Promise<EksService> {
  const real = new Map<string, RealCluster>();
  // The emulator keeps the roles, and nothing here registers a cluster with one that is not there.
  const roles = { has: () => true, trusts: () => true };
  const planes = {
    start: async ({ name }: { readonly name: string }) => {
      const { port, certificateAuthority } = real.get(name)!;
      // The emulator runs functions with a patched `node:https` that sends what is for 127.0.0.1 to the emulator, without TLS.
      // The same address in the notation of IPv6 it leaves alone.
      return { endpoint: `https://[::ffff:127.0.0.1]:${port}`, certificateAuthority };
    },
    stop: async () => {},
    believe: async () => {},
  };
  const clusters = new EksClusters(new EventBuses(account, []), planes, roles);
  const caller = { account, arn: '', userId: '', accessKeyId: '', policies: () => ({ identity: [] }) };
  const server = createServer(async (incoming, response) => {
    const { status, headers, body } = await requestOf(incoming)
      .then((request) => clusters.handle({ ...request, region, caller, authorize: () => {}, allows: () => true }))
      .catch((error: unknown) => {
        const { code, status, message } =
          error instanceof AwsError ? error : new AwsError('ServerException', String(error), 500);
        return { status, headers: { 'x-amzn-errortype': code }, body: JSON.stringify({ message }) };
      });
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: async (cluster) => {
      real.set(cluster.name, cluster);
      await clusters.create({ account, region, name: cluster.name });
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function requestOf(
  incoming: IncomingMessage,
): Promise<Omit<AwsRequest, 'region' | 'caller' | 'authorize' | 'allows'>> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  const { method = 'GET', url = '/', headers } = incoming;
  const { pathname, searchParams } = new URL(url, 'http://eks');
  return {
    method,
    path: pathname,
    query: searchParams,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    body: Buffer.concat(chunks),
    base: '',
  };
}
