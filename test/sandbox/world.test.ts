import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@gatehouse/core/aws/clock';
import { secretsManager } from '@gatehouse/core/aws/secrets';
import { awsWorld } from '@gatehouse/core/aws/world';
import { createUser, putPolicy, roleOf } from '../../sandbox/src/aws/iam/operations.ts';
import { startSandbox } from '../../sandbox/src/sandbox.ts';
import { ACCOUNT, policyOf } from '../builders/policy.ts';
import { worldContract } from '../contracts/world.ts';

const MEMBER = '222233334444';
const ROLE = `arn:aws:iam::${MEMBER}:role/gatehouse-system/gatehouse-member`;
const POLICY = `
apiVersion: gatehouse/v1
accounts:
  "${ACCOUNT}": {}
  "${MEMBER}": { roleArn: "${ROLE}", externalId: external-1 }
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  viewer: { clusterRole: view }
grants:
  - { name: viewers, to: { group: 00g1, source: okta }, on: { clusters: "*" }, level: viewer, through: role }
`;

worldContract('the SDK clients over the sandbox', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-world-'));
  const policyFile = join(folder, 'policy.yaml');
  writeFileSync(policyFile, POLICY);
  const sandbox = await startSandbox({ port: 0, policyFile });
  const { endpoint } = sandbox;
  createUser(endpoint.iam, ACCOUNT, { name: 'alice' });
  createUser(endpoint.iam, MEMBER, { name: 'bob' });
  // The role that clusters admit may not ask IAM; for one contract over all of a world, it may.
  const mayAsk = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iam:GetUser', Resource: '*' }] };
  putPolicy(endpoint.iam, ACCOUNT, 'role', 'gatehouse-cluster-access', 'contract', JSON.stringify(mayAsk));
  const role = roleOf(endpoint.iam, ACCOUNT, 'gatehouse-cluster-access');
  const credentials = endpoint.sessions.issue(ACCOUNT, role, 'contract', 3600);
  // The SDK's clients take the endpoint from the environment, as they do in a function.
  const before = process.env.AWS_ENDPOINT_URL;
  process.env.AWS_ENDPOINT_URL = endpoint.url;
  const world = awsWorld({
    region: 'eu-west-1',
    clock: systemClock,
    secrets: secretsManager(),
    sessionName: 'contract',
    credentials: async () => credentials,
  });
  return {
    world,
    own: { id: ACCOUNT },
    member: { id: MEMBER, roleArn: ROLE, externalId: 'external-1' },
    cluster: policyOf(POLICY).clusters[0]!,
    username: 'gatehouse-controller',
    users: { own: 'alice', member: 'bob' },
    async close() {
      if (before === undefined) delete process.env.AWS_ENDPOINT_URL;
      else process.env.AWS_ENDPOINT_URL = before;
      await sandbox.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});
