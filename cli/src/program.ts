import { VERSION } from '@gatehouse/core/access/version';
import { type Argument, Command, CommanderError } from 'commander';
import { type Format, yamlOf } from './terminal/answer.ts';
import { type Problem, problemOf, writeProblem } from './terminal/problem.ts';
import type { Terminal } from './terminal/terminal.ts';
import { addActivatePolicy } from './verbs/activate-policy.ts';
import { addApply } from './verbs/apply.ts';
import { addAssociateIdp, addDisassociateIdp } from './verbs/associate-idp.ts';
import { addBootstrap } from './verbs/bootstrap.ts';
import { addCanI } from './verbs/can-i.ts';
import { addCompletion } from './verbs/completion.ts';
import { addDemo } from './verbs/demo.ts';
import { addDeploy } from './verbs/deploy.ts';
import { addDeregisterCluster } from './verbs/deregister-cluster.ts';
import { addDoctor } from './verbs/doctor.ts';
import { addEvents } from './verbs/events.ts';
import { addImport } from './verbs/import.ts';
import { addInit } from './verbs/init.ts';
import { addInvoke } from './verbs/invoke.ts';
import { addKubeconfig } from './verbs/kubeconfig.ts';
import { addLedger } from './verbs/ledger.ts';
import { addMode } from './verbs/mode.ts';
import { addOffboard, addOnboard } from './verbs/onboard.ts';
import { addPlan } from './verbs/plan.ts';
import { addReconcile } from './verbs/reconcile.ts';
import { addRegisterCluster } from './verbs/register-cluster.ts';
import { addReplay } from './verbs/replay.ts';
import { addRotateKey } from './verbs/rotate-key.ts';
import { addSandbox } from './verbs/sandbox.ts';
import { addSignWebhook } from './verbs/sign-webhook.ts';
import { addStatus } from './verbs/status.ts';
import { addToken } from './verbs/token.ts';
import { addTrace } from './verbs/trace.ts';
import { addUninstall } from './verbs/uninstall.ts';
import { addUpgrade } from './verbs/upgrade.ts';
import { addValidate } from './verbs/validate.ts';
import { addVerify } from './verbs/verify.ts';
import { addWhoCan } from './verbs/who-can.ts';
import { addWhy } from './verbs/why.ts';

const EPILOGUE = `
Exit codes:
  0  fine
  1  error
  2  changes are pending (where --detailed-exitcode asks for it)
  3  the answer is no (each verb's help says what its "no" is)

Output:
  -o table  for people (the usual one)
  -o wide   for people, with whole ids, ARNs, digests and times
  -o json   for programs: one versioned value; errors, too, on stderr
  -o yaml   the same as YAML
  -o csv    a listing in rows, for spreadsheets

Environment:
  AWS_PROFILE, AWS_REGION, ...  as for every AWS tool
  AWS_ENDPOINT_URL              where AWS is; by it a sandbox is reached
  NO_COLOR, FORCE_COLOR         colours off, on; TERM=dumb and pipes have none
  CI                            progress in plain lines, also on a terminal
  GATEHOUSE_DEBUG=1             print where an error came from`;

/** The group of what is about the command itself. */
const THIS_COMMAND = 'This command:';

/** The command with all its verbs. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('gatehouse')
    .description('Gives people and pipelines exactly the EKS access that a written policy grants them.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'explain the command')
    .addHelpCommand(new Command('help').argument('[verb]').description('explain a verb').helpGroup(THIS_COMMAND))
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
      // What is wrong with the arguments is told by `run`, like every other error.
      outputError: () => {},
      getOutHelpWidth: () => terminal.out.width ?? 100,
      getErrHelpWidth: () => terminal.err.width ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    // That a verb has options goes without saying.
    .configureHelp({ subcommandTerm: (verb) => [verb.name(), ...verb.registeredArguments.map(argumentTerm)].join(' ') })
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
  addMode(program, terminal);
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
  addWhoCan(program, terminal);
  program.commandsGroup('What happens:');
  addDoctor(program, terminal);
  addStatus(program, terminal);
  addPlan(program, terminal);
  addApply(program, terminal);
  addReconcile(program, terminal);
  addRotateKey(program, terminal);
  addLedger(program, terminal);
  addEvents(program, terminal);
  addTrace(program, terminal);
  addReplay(program, terminal);
  addInvoke(program, terminal);
  program.commandsGroup(THIS_COMMAND);
  addCompletion(program, terminal);
  return program;
}

/** `<cluster>`, `[target...]`. */
function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** Runs the command; answers its exit code, once everything it started has ended. Never throws. */
export async function run(arguments_: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal);
  let verb: Command | undefined;
  program.hook('preAction', (_, begun) => {
    verb = begun;
  });
  try {
    await program.parseAsync(arguments_, { from: 'user' });
  } catch (error) {
    if (isHelp(error)) return error.exitCode === 0 ? 0 : 1;
    const format = verb ? formatAsked(verb) : formatTyped(arguments_);
    const problem = error instanceof CommanderError ? usageProblem(error, program, arguments_) : problemOf(error);
    await writeError(terminal, problem, format, error);
    return 1;
  }
  return terminal.exitCode;
}

/** Writes an error in the format of the answer that there would have been. */
async function writeError(
  { err, env }: Terminal,
  problem: Problem,
  format: Format | undefined,
  error: unknown,
): Promise<void> {
  if (format === 'json') err.write(`${JSON.stringify({ error: problem })}\n`);
  else if (format === 'yaml') err.write(await yamlOf({ error: problem }));
  else writeProblem(err, problem, env.GATEHOUSE_DEBUG ? error : undefined);
}

/** Commander ends this way, too, when it has shown the help or the version that was asked for. */
function isHelp(error: unknown): error is CommanderError {
  return error instanceof CommanderError && /^commander\.(help|version)/.test(error.code);
}

/** What is wrong with the arguments, and whose help explains it. */
function usageProblem({ message }: CommanderError, program: Command, arguments_: readonly string[]): Problem {
  const [first = '', ...more] = message.replace(/^error: /, '').split('\n');
  const explains = `"${pathOf(verbTyped(program, arguments_))} --help" explains`;
  const hint = more.map((line) => line.replace(/^\((.*)\)$/, '$1')).filter((line) => line !== '');
  return { code: 'usage', message: first, remedy: [...hint, explains].join(' ') };
}

/** The verb that the first arguments name, as far as they name one. */
function verbTyped(command: Command, [first, ...rest]: readonly string[]): Command {
  const found = command.commands.find((one) => one.name() === first);
  return found ? verbTyped(found, rest) : command;
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

/** The format that was asked for. What a verb writes without being asked, like a manifest, is no format of errors. */
function formatAsked(verb: Command): Format | undefined {
  return verb.getOptionValueSource('output') === 'cli' ? verb.opts<{ output?: Format }>().output : undefined;
}

/** The format that was asked for, where the arguments are not understood. */
function formatTyped(arguments_: readonly string[]): Format | undefined {
  const formats = arguments_.map((argument, index) => {
    const [, joined] = /^(?:-o=?|--output=)(json|yaml)$/.exec(argument) ?? [];
    return joined ?? (/^(-o|--output)$/.test(argument) ? arguments_[index + 1] : undefined);
  });
  return formats.find((format): format is Format => format === 'json' || format === 'yaml');
}
