import { AwsEndpoint, type EndpointOptions } from '../../../sandbox/src/aws/endpoint.ts';
import {
  attachPolicy,
  createAccessKey,
  createRole,
  createUser,
  putPolicy,
} from '../../../sandbox/src/aws/iam/operations.ts';

export const HOME = { account: '111122223333', region: 'eu-west-1' } as const;
export const OTHER_ACCOUNT = '444455556666';

/** Configuration of an SDK client. */
export interface ClientConfig {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  readonly maxAttempts: number;
}

/** An endpoint with nobody in it but one administrator an account. */
export async function startEndpoint(options: Partial<EndpointOptions> = {}): Promise<AwsEndpoint> {
  const endpoint = await AwsEndpoint.start({
    home: HOME,
    accounts: [HOME.account, OTHER_ACCOUNT],
    planes: {
      start: async ({ name }) => ({ endpoint: `https://127.0.0.1:1/${name}`, certificateAuthority: 'Q0E=' }),
      stop: async () => {},
      believe: async () => {},
    },
    ...options,
  });
  for (const account of options.snapshot ? [] : [HOME.account, OTHER_ACCOUNT]) {
    createUser(endpoint.iam, account, { name: 'administrator' });
    attachPolicy(endpoint.iam, account, 'user', 'administrator', 'arn:aws:iam::aws:policy/AdministratorAccess');
  }
  return endpoint;
}

/** For a client of the administrator of an account. */
export function administrator(endpoint: AwsEndpoint, account: string = HOME.account): ClientConfig {
  return userConfig(endpoint, account, 'administrator');
}

/** For a client of a user, with a new key. */
export function userConfig(endpoint: AwsEndpoint, account: string, name: string): ClientConfig {
  const user = endpoint.iam.accounts.get(account)!.users.get(name.toLowerCase())!;
  const key = [...user.keys.values()][0] ?? createAccessKey(endpoint.iam, account, name);
  const credentials = { accessKeyId: key.id, secretAccessKey: key.secret };
  return { endpoint: endpoint.url, region: HOME.region, credentials, maxAttempts: 1 };
}

/** For a client of a new user who may do only this. */
export function userWho(endpoint: AwsEndpoint, name: string, statements: readonly object[]): ClientConfig {
  createUser(endpoint.iam, HOME.account, { name });
  const document = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  if (statements.length > 0) putPolicy(endpoint.iam, HOME.account, 'user', name, 'own', document);
  return userConfig(endpoint, HOME.account, name);
}

/** A role that trusts what `principal` says. */
export function roleThatTrusts(
  endpoint: AwsEndpoint,
  account: string,
  name: string,
  principal: string,
  condition?: object,
): string {
  const statement = {
    Effect: 'Allow',
    Action: 'sts:AssumeRole',
    Principal: { AWS: principal },
    ...(condition ? { Condition: condition } : {}),
  };
  createRole(endpoint.iam, account, { name, trust: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }) });
  return `arn:aws:iam::${account}:role/${name}`;
}
