import { createHmac, randomUUID } from 'node:crypto';
import { DynamoDBClient, ScanCommand, type ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { parsePrincipalArn } from '@gatehouse/core/access/arn';
import { isFailure } from '@gatehouse/core/access/failure';
import { type AwsCredentials, clusterToken } from '@gatehouse/core/aws/cluster-token';
import { kubernetesOver } from '@gatehouse/core/kubernetes/client';
import type { Operation } from '@gatehouse/core/operations/operation';
import type { Kubernetes } from '@gatehouse/core/ports/kubernetes';
import { Webhook } from 'standardwebhooks';
import { createAccessKey } from '../../sandbox/src/aws/iam/operations.ts';
import { publicSts } from '../../sandbox/src/kubernetes/token.ts';
import type { Sandbox } from '../../sandbox/src/sandbox.ts';

/** What a webhook is sent with; each member may be forged. */
export interface Forgery {
  readonly secret?: string;
  /** Milliseconds UTC. */
  readonly at?: number;
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly source?: string;
}

let ids = 0;

/** Posts a body as Standard Webhooks signs it. */
export async function postStandard(sandbox: Sandbox, body: string | Uint8Array, forged: Forgery = {}) {
  ids += 1;
  const {
    secret = sandbox.webhookSecret('standard'),
    at = Date.now(),
    id = `msg_${ids}`,
    source = 'standard',
  } = forged;
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at / 1000)),
    'webhook-signature':
      typeof body === 'string' ? new Webhook(secret).sign(id, new Date(at), body) : signed(secret, id, at, body),
    ...forged.headers,
  };
  return fetch(`${sandbox.webhookUrl}/${source}`, { method: 'POST', body: body as Uint8Array<ArrayBuffer>, headers });
}

/** The same for bytes that are no text. */
function signed(secret: string, id: string, at: number, body: Uint8Array): string {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const mac = createHmac('sha256', key)
    .update(`${id}.${Math.floor(at / 1000)}.`)
    .update(body);
  return `v1,${mac.digest('base64')}`;
}

/** Gatehouse's own format: something happened now. */
export async function tellStandard(
  sandbox: Sandbox,
  type: string,
  data: object,
  forged: Forgery = {},
): Promise<number> {
  return (await postStandard(sandbox, JSON.stringify({ type, timestamp: new Date().toISOString(), data }), forged))
    .status;
}

/** One event of Okta's System Log about a user and, perhaps, a group. */
export function oktaEvent(eventType: string, user: { id: string; login: string }, group?: string) {
  return {
    uuid: randomUUID(),
    published: new Date().toISOString(),
    eventType,
    outcome: { result: 'SUCCESS' },
    target: [
      { id: user.id, type: 'User', alternateId: user.login },
      ...(group === undefined ? [] : [{ id: group, type: 'UserGroup', alternateId: 'unknown' }]),
    ],
  };
}

/** Posts events as Okta's event hook does. */
export async function tellOkta(sandbox: Sandbox, events: readonly object[], authorization?: string): Promise<number> {
  const body = JSON.stringify({ eventType: 'com.okta.event_hook', eventId: randomUUID(), data: { events } });
  const headers = {
    'content-type': 'application/json',
    authorization: authorization ?? sandbox.webhookSecret('okta'),
  };
  return (await fetch(`${sandbox.webhookUrl}/okta`, { method: 'POST', body, headers })).status;
}

/** Keys of an IAM user of the sandbox. */
export function keysOf({ endpoint }: Sandbox, arn: string): AwsCredentials {
  const { account, name } = parsePrincipalArn(arn);
  const user = endpoint.iam.accounts.get(account)!.users.get(name.toLowerCase())!;
  const key = [...user.keys.values()][0] ?? createAccessKey(endpoint.iam, account, name);
  return { accessKeyId: key.id, secretAccessKey: key.secret };
}

/** A session of a role. @throws what STS answers. */
export async function assume(
  { endpoint, region }: Sandbox,
  credentials: AwsCredentials,
  RoleArn: string,
  RoleSessionName: string,
): Promise<AwsCredentials> {
  const sts = new STSClient({ endpoint: endpoint.url, region, credentials });
  try {
    const { Credentials: given } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName }));
    return {
      accessKeyId: given!.AccessKeyId!,
      secretAccessKey: given!.SecretAccessKey!,
      sessionToken: given!.SessionToken!,
    };
  } finally {
    sts.destroy();
  }
}

/** A cluster's API as whoever has these credentials. */
export function clusterAs({ endpoint }: Sandbox, cluster: string, credentials: AwsCredentials): Kubernetes {
  const record = endpoint.clusters.list().find(({ name }) => name === cluster)!;
  const { region } = record;
  return kubernetesOver({
    server: record.endpoint!,
    certificateAuthority: record.certificateAuthority!,
    token: () => clusterToken({ cluster, region, endpoint: publicSts(region), credentials, now: Date.now() }),
  });
}

/** `allowed`, or the code of the refusal. */
export const answerTo = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'allowed',
    (error: unknown) => (isFailure(error) ? error.code : String((error as Error).name)),
  );

/** What a person of the operations team gets for an operation. @throws Error where it is refused. */
export async function operate<T = Record<string, unknown>>({ stack }: Sandbox, operation: Operation): Promise<T> {
  const { payload, error } = await stack.functions.invoke('gatehouse-run-operation', JSON.stringify(operation));
  const answer = JSON.parse(payload) as { ok?: boolean; outcome?: T };
  if (error || !answer.ok) throw new Error(payload);
  return answer.outcome as T;
}

/** Every item of every table, as DynamoDB's JSON. */
export async function tableItems({ stack, endpoint, administrator, region }: Sandbox): Promise<string[]> {
  const client = new DynamoDBClient({ endpoint: endpoint.url, region, credentials: administrator });
  try {
    const items: string[] = [];
    for (const { name } of stack.wiring.tables) {
      let after: ScanCommandOutput['LastEvaluatedKey'];
      do {
        const page: ScanCommandOutput = await client.send(
          new ScanCommand({ TableName: name, ...(after ? { ExclusiveStartKey: after } : {}) }),
        );
        items.push(...(page.Items ?? []).map((item) => JSON.stringify(item)));
        after = page.LastEvaluatedKey;
      } while (after);
    }
    return items;
  } finally {
    client.destroy();
  }
}
