import { Agent, request } from 'node:https';
import { type AwsCredentials, clusterToken } from '@gatehouse/core/aws/cluster-token';
import { publicSts } from '@gatehouse/sandbox/kubernetes/token';
import type { Sandbox } from '@gatehouse/sandbox/sandbox';
import { ACCOUNT, REGION } from './cast.ts';

/** A request to a cluster's API, and how it is called. */
export interface Question {
  readonly text: string;
  readonly cluster: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: object;
}

/** What the API server said: `stranger` where it does not know who asks. */
export type Verdict = 'allowed' | 'denied' | 'stranger';

/** An answer with its status. */
export interface ClusterAnswer {
  readonly verdict: Verdict;
  readonly status: number;
  readonly body: string;
}

/**
 * Asks a cluster with a token that is signed by these credentials, made anew for each question as kubectl's plugin does.
 * @throws Error for an answer that is neither yes nor no.
 */
export async function askCluster(
  sandbox: Sandbox,
  credentials: AwsCredentials,
  question: Question,
): Promise<ClusterAnswer> {
  const { cluster } = question;
  const endpoint = publicSts(REGION);
  const token = await clusterToken({ cluster, region: REGION, endpoint, credentials, now: Date.now() });
  return askWithToken(sandbox, token, question);
}

/** Asks a cluster with a bearer token. @throws Error for an answer that is neither yes nor no. */
export async function askWithToken(
  sandbox: Sandbox,
  token: string,
  { cluster, method = 'GET', path, body }: Question,
): Promise<ClusterAnswer> {
  const { endpoint, certificateAuthority } = sandbox.endpoint.clusters.get(ACCOUNT, REGION, cluster)!;
  const answer = await exchange(new URL(path, endpoint), {
    method,
    ca: Buffer.from(certificateAuthority ?? '', 'base64').toString(),
    token,
    body: body === undefined ? '' : JSON.stringify(body),
  });
  const { status } = answer;
  const verdict = status < 300 ? 'allowed' : status === 403 ? 'denied' : status === 401 ? 'stranger' : undefined;
  if (verdict === undefined)
    throw new Error(`${method} ${path} on ${cluster} was answered with ${status}: ${answer.body}`);
  return { ...answer, verdict };
}

/** Connections are kept: a handshake for every question would take the time that the pipeline needs in this process. */
const connections = new Agent({ keepAlive: true, maxSockets: 2 });

interface Exchange {
  readonly method: string;
  readonly ca: string;
  readonly token: string;
  readonly body: string;
}

/** Closes the connections to all clusters; they would keep their servers from ending. */
export function hangUp(): void {
  connections.destroy();
}

function exchange(url: URL, { method, ca, token, body }: Exchange): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    const sent = request(url, { method, ca, headers, agent: connections }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
