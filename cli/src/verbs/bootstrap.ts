import { Failure } from '@gatehouse/core/access/failure';
import type { AccessPolicy } from '@gatehouse/core/access/policy';
import type { Bootstrap } from '@gatehouse/core/bootstrap/manifest';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { type Format, withFormats } from '../terminal/answer.ts';
import { withExamples, withExitCodes, withNote } from '../terminal/help.ts';
import { type Terminal, writeJson } from '../terminal/terminal.ts';

interface Options extends AwsOptions {
  readonly policy?: string;
  readonly roleArn?: string;
  readonly output: Format;
}

/** `bootstrap`: what an administrator applies to a cluster once. */
export function addBootstrap(program: Command, terminal: Terminal): void {
  const verb = program
    .command('bootstrap <cluster>')
    .description('print what an administrator applies to a cluster once, so that Gatehouse may work there')
    .option('--policy <file>', 'read this policy instead of the one in force; asks nobody')
    .option('--role-arn <arn>', 'with --policy: the IAM role by which Gatehouse reaches the cluster');
  withFormats(withAwsOptions(verb), ['yaml', 'json']).action((cluster: string, options: Options) =>
    bootstrap(terminal, cluster, options),
  );
  withExamples(verb, [
    ['gatehouse bootstrap prod-eu | kubectl apply -f -', 'by the policy in force'],
    [
      'gatehouse bootstrap prod-eu --policy policy.yaml --role-arn arn:aws:iam::111122223333:role/gatehouse-system/gatehouse-cluster-access',
      'offline',
    ],
  ]);
  withNote(
    verb,
    'It is a manifest to apply, so it is YAML; with -o json it is the text in a member "yaml", beside the ' +
      'warnings about it.',
  );
  withExitCodes(verb);
}

async function bootstrap(terminal: Terminal, name: string, options: Options): Promise<void> {
  const { yaml, warnings } =
    options.policy === undefined ? await ask(terminal, name, options) : await offline(name, options);
  if (options.output === 'json') writeJson(terminal.out, { schemaVersion: 1, yaml, warnings });
  else terminal.out.write(yaml);
}

async function ask(terminal: Terminal, cluster: string, options: Options): Promise<Bootstrap> {
  const { operationsOf } = await import('../aws/run-operation.ts');
  const run = await operationsOf(options, terminal);
  return run<Bootstrap>({ operation: 'bootstrap', cluster });
}

async function offline(name: string, { policy: file = '', roleArn }: Options): Promise<Bootstrap> {
  const [{ readPolicyFile }, { bootstrapManifest }] = await Promise.all([
    import('../policy-file.ts'),
    import('@gatehouse/core/bootstrap/manifest'),
  ]);
  const policy = readPolicyFile(file);
  const cluster = clusterNamed(policy, name, file);
  const role = policy.accounts.find(({ id }) => id === cluster.account)?.roleArn ?? roleArn;
  if (role === undefined) {
    throw new Failure('invalid', `the policy does not say by which role Gatehouse reaches account ${cluster.account}`, {
      remedy: "name it with --role-arn: the stack's output ClusterAccessRole",
    });
  }
  return bootstrapManifest(policy, cluster, { roleArn: role });
}

function clusterNamed({ clusters }: AccessPolicy, name: string, file: string) {
  const found = clusters.find((cluster) => cluster.name === name || cluster.arn === name);
  if (found) return found;
  const names = clusters.map((cluster) => cluster.name).join(', ');
  throw new Failure('not-found', `${file} names no cluster "${name}"`, {
    remedy: names === '' ? 'add it under clusters' : `it names ${names}`,
  });
}
