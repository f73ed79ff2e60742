import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CreateRoleCommand,
  DeleteRolePermissionsBoundaryCommand,
  IAMClient,
  ListRolesCommand,
  ListRoleTagsCommand,
  ListSAMLProvidersCommand,
  ListUsersCommand,
  TagRoleCommand,
  UntagRoleCommand,
} from '@aws-sdk/client-iam';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { handleIam, knownIamActions } from '../../../../sandbox/src/aws/iam/protocol.ts';
import { type IamState, newIamState } from '../../../../sandbox/src/aws/iam/state.ts';
import { iamContract } from '../../../contracts/iam.ts';
import { ANY_CREDENTIALS, advanceDate } from '../../../contracts/loopback.ts';
import { iamUnderTest } from '../../../contracts/over-aws.ts';

const ACCOUNT = '111122223333';
const BOUNDARY = `arn:aws:iam::${ACCOUNT}:policy/gatehouse/boundary`;
let server: Server;
let endpoint: string;
let client: IAMClient;
let state: IamState;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const answer = handleIam(state, ACCOUNT, new URLSearchParams(body));
    response.writeHead(answer.status, { 'content-type': 'text/xml' }).end(answer.xml);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new IAMClient({ endpoint, ...ANY_CREDENTIALS, maxAttempts: 1 });
});

afterAll(async () => {
  client.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const empty = () => newIamState([ACCOUNT], { seed: 'contract', now: () => 1_700_000_000_000, pageSize: 2 });

iamContract('the SDK over the simulator, pages of two', async () => {
  state = empty();
  state.managedPolicies.set(BOUNDARY, {});
  return iamUnderTest({ account: ACCOUNT, client: { endpoint, ...ANY_CREDENTIALS }, advance: advanceDate }, BOUNDARY);
});

describe('what only operators call', () => {
  const trust = JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
  });

  it('lists roles and users page by page, without tags', async () => {
    state = empty();
    for (const RoleName of ['a', 'b', 'c']) {
      const tags = [{ Key: 'k', Value: 'v' }];
      await client.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust, Tags: tags }));
    }
    const first = await client.send(new ListRolesCommand({}));
    expect(first).toMatchObject({ IsTruncated: true });
    expect(first.Roles?.map((role) => role.RoleName)).toEqual(['a', 'b']);
    expect(first.Roles?.[0]).toMatchObject({ CreateDate: new Date(1_700_000_000_000) });
    expect(first.Roles?.[0]?.Tags).toBeUndefined();
    const second = await client.send(new ListRolesCommand({ ...(first.Marker ? { Marker: first.Marker } : {}) }));
    expect(second).toMatchObject({ IsTruncated: false });
    expect(second.Roles?.map((role) => role.RoleName)).toEqual(['c']);
    expect((await client.send(new ListRolesCommand({ PathPrefix: '/gatehouse/' }))).Roles).toEqual([]);
    expect((await client.send(new ListUsersCommand({}))).Users).toEqual([]);
  });

  it('takes tags away, and says so where there is no boundary', async () => {
    state = empty();
    await client.send(new CreateRoleCommand({ RoleName: 'a', AssumeRolePolicyDocument: trust }));
    await client.send(
      new TagRoleCommand({
        RoleName: 'a',
        Tags: [
          { Key: 'x', Value: '1' },
          { Key: 'y', Value: '2' },
        ],
      }),
    );
    await client.send(new UntagRoleCommand({ RoleName: 'a', TagKeys: ['x', 'z'] }));
    expect((await client.send(new ListRoleTagsCommand({ RoleName: 'a' }))).Tags).toEqual([{ Key: 'y', Value: '2' }]);
    await expect(client.send(new DeleteRolePermissionsBoundaryCommand({ RoleName: 'a' }))).rejects.toMatchObject({
      name: 'NoSuchEntityException',
    });
  });

  it('refuses an action that it does not know, by name', async () => {
    expect(knownIamActions()).not.toContain('ListSAMLProviders');
    await expect(client.send(new ListSAMLProvidersCommand({}))).rejects.toMatchObject({
      name: 'InvalidAction',
      message: expect.stringContaining('"ListSAMLProviders"'),
    });
  });

  it('answers for an account that it does not hold as for an unknown key', () => {
    const answer = handleIam(empty(), '999999999999', new URLSearchParams({ Action: 'GetRole', RoleName: 'a' }));
    expect(answer).toMatchObject({ status: 403, xml: expect.stringContaining('InvalidClientTokenId') });
  });
});
