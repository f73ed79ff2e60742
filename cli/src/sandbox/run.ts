import { createServer } from 'node:net';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Components } from '@gatehouse/sandbox/real-cluster/components';
import { type Sandbox, startSandbox } from '@gatehouse/sandbox/sandbox';
import { CLUSTER_OBJECTS } from '../demo/clusters.ts';
import { readLogLine } from '../pipeline/log-line.ts';
import { narrate, type Step } from '../pipeline/narrate.ts';
import { readPolicyFile } from '../policy-file.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { printable } from '../terminal/text.ts';
import type { SandboxOptions } from '../verbs/sandbox.ts';
import { environmentFile } from './environment-file.ts';
import { type Page, pageOf } from './page/serve.ts';
import { exampleMember } from './people.ts';
import { signedCurl, writeWelcome } from './welcome.ts';

const EXAMPLE_POLICY = fileURLToPath(new URL('../../../sandbox/policy.yaml', import.meta.url));
/** How long an orderly end may take before the process ends anyway; the state is written before anything that can hang. */
const END_WITHIN_MS = 1_800;

/** Runs the sandbox until a signal ends it. @throws what keeps it from starting. */
export async function runSandbox(terminal: Terminal, options: SandboxOptions): Promise<void> {
  // Listened for from the start: a Ctrl-C while it starts ends it as well.
  const ended = nextSignal();
  await requireFree(options.port);
  const policyFile = options.policy ?? EXAMPLE_POLICY;
  const policy = readPolicyFile(policyFile);
  const text = options.output !== 'json';
  const components = options.cluster === 'real' ? await builtComponents(terminal) : undefined;
  const early: Step[] = [];
  let page: Page | undefined;
  let tell = (step: Step): unknown => early.push(step);
  const sandbox = await startSandbox({
    port: options.port,
    // Whoever tries a policy on prod-eu finds there what the example has: its namespaces, an aws-auth of others.
    clusterObjects: CLUSTER_OBJECTS,
    policyFile,
    ...(components === undefined ? {} : { components }),
    ...(options.state === undefined ? {} : { stateDir: options.state }),
    log: (logged) => {
      const line = readLogLine(logged);
      page?.log(line);
      const step = narrate(line);
      if (step && (text || step.trouble)) tell(step);
    },
  });
  try {
    page = pageOf(sandbox, () => signedCurl(sandbox, exampleMember(policy)));
    sandbox.endpoint.page = page.serve;
    const environment = environmentFile(sandbox, policy, components);
    if (text) writeWelcome(terminal.out, sandbox, { policy, policyFile: relative('', policyFile) }, environment);
    else terminal.out.write(`${JSON.stringify(addressesOf(sandbox))}\n`);
    // What goes wrong is told in any case; beside the one line of JSON there is only the error output.
    const output = text ? terminal.out : terminal.err;
    tell = (step) => writeStep(output, step);
    for (const step of early) tell(step);
    await ended;
    if (text) terminal.out.write('\nstopping\n');
  } finally {
    page?.stop();
    await stopInTime(sandbox);
  }
}

/** The programs of a real cluster; building them takes minutes, so each step is told. @throws Failure without Go. */
export async function builtComponents({ err }: Terminal): Promise<Components> {
  const { realComponents } = await import('@gatehouse/sandbox/real-cluster/components');
  return await realComponents((line) => err.write(`${err.style.dim(line)}\n`));
}

/** What `--output json` says. */
function addressesOf({ webhookUrl, awsEndpointUrl, clusters }: Sandbox): object {
  return { webhookUrl, awsEndpointUrl, clusters };
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}

/** Fails before anything is started where the port is taken. */
async function requireFree(port: number): Promise<void> {
  if (port === 0) return;
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve()));
  });
}

async function stopInTime(sandbox: Sandbox): Promise<void> {
  const tooLate = setTimeout(() => process.exit(0), END_WITHIN_MS);
  await sandbox.stop();
  clearTimeout(tooLate);
}

/** One line of what happens: time, what, where, what came of it. */
function writeStep(output: Output, { word, where, text, trouble }: Step): void {
  const { style } = output;
  const time = new Date().toISOString().slice(11, 23);
  const paint = trouble ? style.warn : word === 'verified' ? style.good : style.bold;
  const at = where === '' ? '' : `${style.name(printable(where))}  `;
  output.write(`${style.dim(time)}  ${paint(word.padEnd(9))}  ${at}${printable(text)}\n`);
}
