import { Command, CommanderError } from 'commander';
import { problemOf, writeProblem } from './terminal/problem.ts';
import type { Terminal } from './terminal/terminal.ts';
import { addActivatePolicy } from './verbs/activate-policy.ts';
import { addApply } from './verbs/apply.ts';
import { addAssociateIdp, addDisassociateIdp } from './verbs/associate-idp.ts';
import { addBootstrap } from './verbs/bootstrap.ts';
import { addCanI } from './verbs/can-i.ts';
import { addDemo } from './verbs/demo.ts';
import { addDeploy } from './verbs/deploy.ts';
import { addDeregisterCluster } from './verbs/deregister-cluster.ts';
import { addImport } from './verbs/import.ts';
import { addInit } from './verbs/init.ts';
import { addKubeconfig } from './verbs/kubeconfig.ts';
import { addLedger } from './verbs/ledger.ts';
import { addOffboard, addOnboard } from './verbs/onboard.ts';
import { addPlan } from './verbs/plan.ts';
import { addReconcile } from './verbs/reconcile.ts';
import { addRegisterCluster } from './verbs/register-cluster.ts';
import { addRotateKey } from './verbs/rotate-key.ts';
import { addSandbox } from './verbs/sandbox.ts';
import { addSignWebhook } from './verbs/sign-webhook.ts';
import { addStatus } from './verbs/status.ts';
import { addToken } from './verbs/token.ts';
import { addUninstall } from './verbs/uninstall.ts';
import { addUpgrade } from './verbs/upgrade.ts';
import { addValidate } from './verbs/validate.ts';
import { addVerify } from './verbs/verify.ts';
import { addWhy } from './verbs/why.ts';

const EPILOGUE = `
Exit codes:
  0  fine
  1  error
  2  changes are pending (plan, deploy --dry-run: --detailed-exitcode)
  3  the answer is no (can-i, verify, why; ledger: the chain is broken; associate-idp: something stands against it; onboard: the
     policy refuses it; register-cluster --status: it is not ACTIVE)

Environment:
  AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, ...  as for every AWS tool; a sandbox is reached by AWS_ENDPOINT_URL
  NO_COLOR, FORCE_COLOR                           colours off, on
  GATEHOUSE_DEBUG=1                               print where an error came from`;

/** The command with all its verbs. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('gatehouse')
    .description('Gives people and pipelines exactly the EKS access that a written policy grants them.')
    .version('0.1.0', '-V, --version', 'print the version')
    .helpOption('-h, --help', 'explain the command')
    .helpCommand('help [verb]', 'explain a verb')
    .showHelpAfterError('(--help explains)')
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
      getOutHelpWidth: () => terminal.out.width ?? 100,
      getErrHelpWidth: () => terminal.err.width ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride()
    .addHelpText('after', EPILOGUE);
  program.commandsGroup('Try it:');
  addDemo(program, terminal);
  addSandbox(program, terminal);
  addSignWebhook(program, terminal);
  program.commandsGroup('The stack:');
  addDeploy(program, terminal);
  addUpgrade(program, terminal);
  addUninstall(program, terminal);
  program.commandsGroup('The access policy:');
  addInit(program, terminal);
  addImport(program, terminal);
  addValidate(program, terminal);
  addActivatePolicy(program, terminal);
  program.commandsGroup('Clusters:');
  addBootstrap(program, terminal);
  addKubeconfig(program, terminal);
  addToken(program, terminal);
  addAssociateIdp(program, terminal);
  addDisassociateIdp(program, terminal);
  addOnboard(program, terminal);
  addOffboard(program, terminal);
  program.commandsGroup('Clusters elsewhere:');
  addRegisterCluster(program, terminal);
  addDeregisterCluster(program, terminal);
  program.commandsGroup('Who may do what:');
  addCanI(program, terminal);
  addVerify(program, terminal);
  addWhy(program, terminal);
  program.commandsGroup('What happens:');
  addStatus(program, terminal);
  addPlan(program, terminal);
  addApply(program, terminal);
  addReconcile(program, terminal);
  addRotateKey(program, terminal);
  addLedger(program, terminal);
  return program;
}

/** Runs the command; answers its exit code, once everything it started has ended. Never throws. */
export async function run(arguments_: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal);
  try {
    await program.parseAsync(arguments_, { from: 'user' });
  } catch (error) {
    // Commander has said what is wrong with the arguments, or shown the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    report(error, arguments_, terminal);
    return 1;
  }
  return terminal.exitCode;
}

function report(error: unknown, arguments_: readonly string[], { err, env }: Terminal): void {
  const problem = problemOf(error);
  if (asksForJson(arguments_)) err.write(`${JSON.stringify({ error: problem })}\n`);
  else writeProblem(err, problem, env.GATEHOUSE_DEBUG ? error : undefined);
}

function asksForJson(arguments_: readonly string[]): boolean {
  return arguments_.some(
    (argument, index) =>
      /^(-o|--output=)json$/.test(argument) ||
      (argument === 'json' && /^(-o|--output)$/.test(arguments_[index - 1] ?? '')),
  );
}
