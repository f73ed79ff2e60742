import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { endAll, ROOT, spawnCommand } from '../cli/spawned.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-aws-cli-'));
let environment = '';

beforeAll(async () => {
  const sandbox = spawnCommand(['sandbox', '--port', '0', '--state', join(folder, 'state')], { NO_COLOR: '1' });
  await vi.waitFor(() => expect(sandbox.out()).toContain('verified   prod-eu'), { timeout: 60_000, interval: 50 });
  environment = /^ {2}\. (\S+\/env)$/m.exec(sandbox.out())?.[1] ?? '';
});
afterAll(() => {
  endAll();
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a line as a person does who has read the printed environment file. Nothing else of this process's environment is there. */
const shell = (line: string): Promise<Run> =>
  new Promise((resolve) => {
    const kubectl = inject('components').kubectl;
    const path = `${inject('python').awsCli}:${kubectl.slice(0, kubectl.lastIndexOf('/'))}:${process.env.PATH}`;
    const env = { PATH: path, HOME: folder, TZ: 'UTC', POLICY_BUCKET: 'gatehouse-policybucket-111122223333' };
    execFile('sh', ['-c', `. ${environment} && ${line}`], { cwd: ROOT, env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: stdout.trim(), err: stderr.trim() });
    });
  });

const ACCOUNT = '111122223333';
const CI = 'gatehouse-payments-ci';
const OPERATORS = 'gatehouse-payments-operators';
/** The AWS CLI of version 1 asks SQS at an address of its own, whatever the environment says. */
const SQS = 'aws sqs --endpoint-url $AWS_ENDPOINT_URL';
const QUEUE = `$AWS_ENDPOINT_URL/${ACCOUNT}/gatehouse-IamQueue.fifo`;

/** Each with what it prints, as JSON where it is JSON: a part of it, as `toMatchObject` compares. */
const ANSWERED: readonly (readonly [line: string, printed: unknown])[] = [
  ['aws sts get-caller-identity', { Account: ACCOUNT, Arn: `arn:aws:iam::${ACCOUNT}:user/administrator` }],
  ['aws sts get-caller-identity --profile mia', { Arn: `arn:aws:iam::${ACCOUNT}:user/mia` }],
  [
    'aws iam list-roles --query "Roles[?starts_with(RoleName, \'gatehouse-p\')].RoleName"',
    ['gatehouse-platform-admins', OPERATORS],
  ],
  ['aws iam list-roles --path-prefix /gatehouse/ --max-items 1 --page-size 1 --query "length(Roles)"', 1],
  [
    `aws iam get-role --role-name ${OPERATORS}`,
    { Role: { Path: '/gatehouse/', AssumeRolePolicyDocument: { Version: '2012-10-17' } } },
  ],
  [`aws iam list-role-policies --role-name ${OPERATORS}`, { PolicyNames: ['gatehouse-clusters'] }],
  [
    `aws iam get-role-policy --role-name ${OPERATORS} --policy-name gatehouse-clusters`,
    { RoleName: OPERATORS, PolicyDocument: { Version: '2012-10-17' } },
  ],
  [`aws iam list-attached-role-policies --role-name ${OPERATORS}`, { AttachedPolicies: [] }],
  [`aws iam list-role-tags --role-name ${OPERATORS} --query "Tags[?Key=='gatehouse:managed'].Value"`, ['true']],
  ['aws iam list-users --query "Users[].UserName"', ['administrator', 'jo', 'mia', 'noor', CI]],
  ['aws iam get-user', { User: { UserName: 'administrator' } }],
  [`aws iam get-user --user-name ${CI}`, { User: { Path: '/gatehouse/', UserName: CI } }],
  [`aws iam list-user-policies --user-name ${CI}`, { PolicyNames: [] }],
  [
    `aws iam list-attached-user-policies --user-name ${CI}`,
    { AttachedPolicies: [{ PolicyName: 'EKS_CICD_User_Policy' }] },
  ],
  [`aws iam list-access-keys --user-name ${CI}`, { AccessKeyMetadata: [{ UserName: CI, Status: 'Active' }] }],
  ['aws iam list-access-keys --query "AccessKeyMetadata[].UserName"', ['administrator']],
  [
    'aws iam list-policies --scope Local',
    { Policies: [{ PolicyName: 'EKS_CICD_User_Policy', AttachmentCount: 1 }, { PolicyName: 'gatehouse-boundary' }] },
  ],
  ['aws iam list-policies --scope Local --only-attached --path-prefix /other/', { Policies: [] }],
  ['aws iam list-groups', { Groups: [] }],
  ['aws eks list-clusters', { clusters: ['prod-eu', 'staging'] }],
  ['aws eks list-clusters --page-size 1', { clusters: ['prod-eu', 'staging'] }],
  ['aws eks describe-cluster --name prod-eu', { cluster: { name: 'prod-eu', status: 'ACTIVE', version: '1.34' } }],
  ['aws eks list-identity-provider-configs --cluster-name prod-eu', { identityProviderConfigs: [] }],
  ['aws eks list-nodegroups --cluster-name prod-eu', { nodegroups: [] }],
  ['aws eks list-addons --cluster-name prod-eu', { addons: [] }],
  ['aws eks list-fargate-profiles --cluster-name prod-eu', { fargateProfileNames: [] }],
  ['aws eks get-token --cluster-name prod-eu', { kind: 'ExecCredential' }],
  [`${SQS} list-queues --queue-name-prefix gatehouse-Iam --query "length(QueueUrls)"`, 1],
  [
    `${SQS} get-queue-url --queue-name gatehouse-IamQueue.fifo --query "ends_with(QueueUrl, 'gatehouse-IamQueue.fifo')"`,
    true,
  ],
  [
    `${SQS} get-queue-attributes --queue-url ${QUEUE} --attribute-names All`,
    { Attributes: { QueueArn: `arn:aws:sqs:eu-west-1:${ACCOUNT}:gatehouse-IamQueue.fifo`, FifoQueue: 'true' } },
  ],
  ['aws dynamodb list-tables', { TableNames: ['gatehouse-LedgerTable', 'gatehouse-StateTable'] }],
  ['aws dynamodb scan --table-name gatehouse-StateTable --max-items 1 --page-size 1 --query "length(Items)"', 1],
  [
    'aws dynamodb query --table-name gatehouse-StateTable --key-condition-expression "pk = :p" --expression-attribute-values \'{":p":{"S":"none"}}\'',
    { Items: [], Count: 0 },
  ],
  [
    'aws dynamodb describe-table --table-name gatehouse-StateTable --query "Table.KeySchema[].AttributeName"',
    ['pk', 'sk'],
  ],
  [
    `aws secretsmanager list-secrets --filters Key=name,Values=gatehouse/keys/ --query "SecretList[].Name"`,
    [`gatehouse/keys/${ACCOUNT}/${CI}`],
  ],
  ['aws secretsmanager list-secrets --page-size 1 --query "length(SecretList) > length(SecretList[:1])"', true],
  [
    `aws secretsmanager describe-secret --secret-id gatehouse/keys/${ACCOUNT}/${CI}`,
    { Name: `gatehouse/keys/${ACCOUNT}/${CI}` },
  ],
  [
    `aws secretsmanager get-secret-value --secret-id gatehouse/keys/${ACCOUNT}/${CI}`,
    { VersionStages: ['AWSCURRENT'] },
  ],
  ['aws events list-event-buses --query "EventBuses[].Name"', ['default', 'gatehouse']],
  [
    'aws events describe-rule --name gatehouse-ReceiveEventClusters',
    {
      State: 'ENABLED',
      EventBusName: 'default',
      Arn: `arn:aws:events:eu-west-1:${ACCOUNT}:rule/gatehouse-ReceiveEventClusters`,
    },
  ],
  [
    'aws events list-rules --name-prefix gatehouse-ReceiveEventCl --query "Rules[].Name"',
    ['gatehouse-ReceiveEventClusters'],
  ],
  [
    'aws events list-targets-by-rule --rule gatehouse-ReceiveEventClusters --query "Targets[].Arn"',
    [`arn:aws:lambda:eu-west-1:${ACCOUNT}:function:gatehouse-receive-event`],
  ],
  ['aws events put-events --entries \'[{"Source":"me","DetailType":"said","Detail":"{}"}]\'', { FailedEntryCount: 0 }],
  [
    'aws s3 cp sandbox/policy.yaml s3://$POLICY_BUCKET/tried/policy.yaml --no-progress',
    `upload: sandbox/policy.yaml to s3://gatehouse-policybucket-${ACCOUNT}/tried/policy.yaml`,
  ],
  ['aws s3 ls | cut -c21-', `gatehouse-policybucket-${ACCOUNT}`],
  ['aws s3 ls s3://$POLICY_BUCKET/ | cut -c21-', 'PRE tried/\n      1691 access-policy.yaml'],
  ['aws s3 ls s3://$POLICY_BUCKET/ --recursive --page-size 1 | cut -c32-', 'access-policy.yaml\ntried/policy.yaml'],
  ['aws s3 cp s3://$POLICY_BUCKET/tried/policy.yaml - | cmp - sandbox/policy.yaml', ''],
  [
    `aws lambda list-functions --query "Functions[?starts_with(FunctionName, 'gatehouse-rec')].FunctionName"`,
    [...['receive-event', 'receive-webhook', 'reconcile-cluster', 'reconcile-iam'].map((name) => `gatehouse-${name}`)],
  ],
  [
    'aws lambda get-function-configuration --function-name gatehouse-sweep',
    { FunctionName: 'gatehouse-sweep', Runtime: 'nodejs24.x' },
  ],
  [
    `aws lambda invoke --function-name gatehouse-run-operation --payload '{"operation":"status"}' ${folder}/answer --query StatusCode && grep -o '"ok":true' ${folder}/answer`,
    '200\n"ok":true',
  ],
];

const denied = (call: string, action: string, resource: string, name = 'AccessDeniedException') =>
  `An error occurred (${name}) when calling the ${call} operation: User: arn:aws:iam::${ACCOUNT}:user/mia is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`;
const error = (call: string, name: string, why: string) =>
  `An error occurred (${name}) when calling the ${call} operation: ${why}`;
const notPlayed = (call: string, what: string) => error(call, 'NotImplemented', `the sandbox does not play ${what}`);

/** Each with what it says in its error, whole. */
const REFUSED: readonly (readonly [line: string, says: string])[] = [
  ['aws iam get-role --role-name none', error('GetRole', 'NoSuchEntity', 'The role with name none cannot be found.')],
  [
    'aws iam list-users --profile mia',
    denied('ListUsers', 'iam:ListUsers', `arn:aws:iam::${ACCOUNT}:user/`, 'AccessDenied'),
  ],
  ['aws iam list-policies --profile mia', denied('ListPolicies', 'iam:ListPolicies', 'policy path /', 'AccessDenied')],
  [
    'aws iam get-account-summary',
    error('GetAccountSummary', 'InvalidAction', 'the sandbox does not play IAM GetAccountSummary'),
  ],
  ['aws sts get-session-token', notPlayed('GetSessionToken', 'STS GetSessionToken')],
  [
    'aws eks describe-cluster --name none',
    error('DescribeCluster', 'ResourceNotFoundException', 'No cluster found for name: none.'),
  ],
  [
    'aws eks list-access-entries --cluster-name prod-eu',
    error(
      'ListAccessEntries',
      'InvalidRequestException',
      "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
    ),
  ],
  ['aws eks list-insights --cluster-name prod-eu', notPlayed('ListInsights', 'EKS POST /clusters/prod-eu/insights')],
  [
    `${SQS} get-queue-url --queue-name none`,
    error('GetQueueUrl', 'AWS.SimpleQueueService.NonExistentQueue', 'The specified queue does not exist.'),
  ],
  ['aws dynamodb scan --table-name none', error('Scan', 'ResourceNotFoundException', 'Requested resource not found')],
  [
    'aws secretsmanager get-secret-value --secret-id none',
    error('GetSecretValue', 'ResourceNotFoundException', "Secrets Manager can't find the specified secret."),
  ],
  ['aws secretsmanager list-secrets --profile mia', denied('ListSecrets', 'secretsmanager:ListSecrets', '*')],
  ['aws secretsmanager rotate-secret --secret-id x', notPlayed('RotateSecret', 'Secrets Manager RotateSecret')],
  [
    'aws events describe-rule --name none',
    error('DescribeRule', 'ResourceNotFoundException', 'Rule none does not exist on EventBus default.'),
  ],
  ['aws events list-archives', notPlayed('ListArchives', 'EventBridge ListArchives')],
  ['aws s3 ls s3://none', error('ListObjectsV2', 'NoSuchBucket', 'The specified bucket does not exist')],
  ['aws s3 ls --profile mia', denied('ListBuckets', 's3:ListAllMyBuckets', '*', 'AccessDenied')],
  [
    'aws lambda get-function --function-name none',
    error(
      'GetFunction',
      'ResourceNotFoundException',
      `Function not found: arn:aws:lambda:eu-west-1:${ACCOUNT}:function:none`,
    ),
  ],
  ['aws lambda list-functions --profile mia', denied('ListFunctions', 'lambda:ListFunctions', '*')],
  ['aws lambda list-layers', notPlayed('ListLayers', 'Lambda GET /2018-10-31/layers')],
  ['aws logs describe-log-groups', notPlayed('DescribeLogGroups', 'the service logs')],
  ['aws ec2 describe-instances', notPlayed('DescribeInstances', 'the service ec2')],
  ['aws cloudwatch describe-alarms', notPlayed('DescribeAlarms', 'the service monitoring')],
];

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

describe('the AWS CLI against the sandbox', () => {
  it.each(ANSWERED)('%s', async (line, printed) => {
    const { code, out, err } = await shell(line);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    if (typeof printed === 'object') expect(parsed(out)).toMatchObject(printed as object);
    else expect(typeof printed === 'string' ? out : parsed(out)).toBe(printed);
  });

  it.each(REFUSED)('%s: an error', async (line, says) => {
    const { code, out, err } = await shell(line);
    expect({ failed: code !== 0, out, err }).toEqual({ failed: true, out: '', err: says });
  });
});

describe('kubectl against the sandbox, with what aws writes', () => {
  const kubeconfig = join(folder, 'kubeconfig');
  const who = 'auth whoami -o jsonpath={.status.userInfo.username}';

  it('comes in by aws eks get-token, which it runs itself', async () => {
    expect(await shell(`aws eks update-kubeconfig --name prod-eu --kubeconfig ${kubeconfig} --alias prod`)).toEqual({
      code: 0,
      out: `Added new context prod to ${kubeconfig}`,
      err: '',
    });
    expect((await shell(`kubectl --kubeconfig ${kubeconfig} ${who}`)).out).toBe('kubernetes-admin');
  });

  it('comes in by gatehouse token, which the printed kubeconfig runs', async () => {
    expect((await shell(`kubectl --context staging ${who}`)).out).toBe('kubernetes-admin');
  });

  it('is somebody whom the cluster does not know where aws is', async () => {
    const { code, err } = await shell(`AWS_PROFILE=noor kubectl --kubeconfig ${kubeconfig} get pods`);
    expect({ code, err: err.split('\n').at(-1) }).toEqual({
      code: 1,
      err: 'error: You must be logged in to the server (the server has asked for the client to provide credentials)',
    });
  });

  it('shows what is in force, as others see it', async () => {
    const on = `kubectl --kubeconfig ${kubeconfig}`;
    expect((await shell(`${on} get rolebindings -n pay`)).out).toMatch(
      /^NAME +ROLE +AGE\ngatehouse:payments-ci:role:0 +Role\/gatehouse:payments-ci +\d+s/,
    );
    const asCi = '--as gatehouse:payments-ci --as-group gatehouse:payments-ci';
    expect(await shell(`${on} auth can-i list secrets -n kube-system ${asCi}`)).toMatchObject({ code: 1, out: 'no' });
    expect((await shell(`${on} auth can-i --list -n pay ${asCi}`)).out).toMatch(/^Resources +Non-Resource URLs/);
    expect(await shell(`${on} explain role`)).toMatchObject({
      code: 1,
      err: 'error: GVK map[group:rbac.authorization.k8s.io kind:Role version:v1] not found in OpenAPI schema',
    });
  });
});
