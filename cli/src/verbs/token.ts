import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { withExamples, withExitCodes, withNote } from '../terminal/help.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface Options extends AwsOptions {
  readonly roleArn?: string;
  readonly sessionName?: string;
}

/** `token`: the credential plugin of kubeconfigs. */
export function addToken(program: Command, terminal: Terminal): void {
  const verb = program
    .command('token <cluster>')
    .description('print a token for a cluster, as kubectl asks for it (an ExecCredential)')
    .option('--role-arn <arn>', 'assume this role first, under the session name that its trust demands')
    .option('--session-name <name>', 'another session name than your IAM user name');
  withAwsOptions(verb).action((cluster: string, options: Options) => token(terminal, cluster, options));
  withExamples(verb, [
    ['gatehouse token prod-eu', 'as whoever you are'],
    [
      'gatehouse token prod-eu --role-arn arn:aws:iam::111122223333:role/gatehouse/gatehouse-payments-operators',
      'as a member of a grant',
    ],
  ]);
  verb.addHelpText(
    'after',
    `
In a kubeconfig:
  users:
    - name: prod-eu
      user:
        exec:
          apiVersion: client.authentication.k8s.io/v1
          command: gatehouse
          args: [token, prod-eu, --role-arn, "arn:aws:iam::111122223333:role/gatehouse/gatehouse-payments-operators"]
          interactiveMode: Never`,
  );
  withNote(
    verb,
    '"aws eks get-token --role-arn" calls every session the same, which the trust of a shared role refuses: the ' +
      "session's name is what tells its members apart.",
  );
  withExitCodes(verb);
}

async function token({ out, env }: Terminal, cluster: string, options: Options): Promise<void> {
  const { credentialFor } = await import('../aws/exec-credential.ts');
  out.write(`${JSON.stringify(await credentialFor(cluster, options, env))}\n`);
}
