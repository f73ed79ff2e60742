import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AccessPolicy } from '@gatehouse/core/access/policy';
import type { Components } from '@gatehouse/sandbox/real-cluster/components';
import type { Sandbox } from '@gatehouse/sandbox/sandbox';
import { profilesOf } from './people.ts';

/**
 * What of the shell would lead somewhere else: a profile, keys, a session, an endpoint of one service's own, or none at all
 * (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
 */
const LEADING_ELSEWHERE = [
  'AWS_PROFILE',
  'AWS_DEFAULT_PROFILE',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_SECURITY_TOKEN',
  'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
  ...['DYNAMODB', 'EKS', 'EVENTBRIDGE', 'IAM', 'LAMBDA', 'S3', 'SECRETS_MANAGER', 'SQS', 'STS'].map(
    (service) => `AWS_ENDPOINT_URL_${service}`,
  ),
] as const;

const LAUNCHER = fileURLToPath(new URL('../../bin/gatehouse.js', import.meta.url));

/**
 * Writes the environment in which AWS tools, kubectl and this command reach a sandbox as its administrator, to be read by a
 * shell with `.`; people of the policy are profiles. It holds keys, though of nothing but the sandbox, so only its owner can
 * read it. Answers the path.
 */
export function environmentFile(
  sandbox: Sandbox,
  policy: AccessPolicy,
  components?: Pick<Components, 'kubectl'>,
): string {
  const { awsEndpointUrl, webhookUrl, region, clusters } = sandbox;
  const configs = Object.values(clusters).map(({ kubeconfig }) => kubeconfig);
  const folder = dirname(configs[0] ?? '.');
  const variables = {
    AWS_ENDPOINT_URL: awsEndpointUrl,
    AWS_REGION: region,
    // The AWS CLI of version 1 and boto3 read this one only.
    AWS_DEFAULT_REGION: region,
    AWS_SHARED_CREDENTIALS_FILE: credentialsFile(folder, sandbox, policy),
    GATEHOUSE_WEBHOOK_URL: webhookUrl,
    KUBECONFIG: configs.join(':'),
  };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`);
  const file = join(folder, 'env');
  const unset = `unset ${LEADING_ELSEWHERE.join(' ')}`;
  // kubectl runs `gatehouse token`. Its own kubectl is for whoever has none: theirs goes before it.
  const programs = [commandFolder(folder), ...(components === undefined ? [] : [dirname(components.kubectl)])];
  const path = `export PATH="$PATH:${programs.join(':')}"`;
  writeFileSync(file, `${[unset, ...lines, path].join('\n')}\n`, { mode: 0o600 });
  return file;
}

/**
 * A profile for each person of the policy who is an IAM user; the administrator is `default`. In the environment the
 * administrator's keys would win over AWS_PROFILE with the AWS CLI, and so with `aws eks update-kubeconfig --profile`.
 */
function credentialsFile(folder: string, sandbox: Sandbox, policy: AccessPolicy): string {
  const file = join(folder, 'credentials');
  const people = profilesOf(policy).map(({ profile, arn }) => ({ profile, keys: sandbox.personOf(arn) }));
  const everybody = [{ profile: 'default', keys: sandbox.administrator }, ...people];
  const profiles = everybody.map(({ profile, keys: { accessKeyId, secretAccessKey } }) => {
    return `[${profile}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  });
  writeFileSync(file, profiles.join('\n'), { mode: 0o600 });
  return file;
}

/** A folder in which this command is called `gatehouse`. */
function commandFolder(folder: string): string {
  const commands = join(folder, 'bin');
  mkdirSync(commands, { recursive: true });
  const link = join(commands, 'gatehouse');
  rmSync(link, { force: true });
  symlinkSync(LAUNCHER, link);
  return commands;
}
