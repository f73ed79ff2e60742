import { narrate } from '../pipeline/narrate.ts';
import { builtComponents } from '../sandbox/run.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';
import type { DemoOptions } from '../verbs/demo.ts';
import { accessAct } from './acts/access.ts';
import { bytesAct } from './acts/bytes.ts';
import { joinAct } from './acts/join.ts';
import { leaveAct } from './acts/leave.ts';
import { ledgerAct } from './acts/ledger.ts';
import { policyAct } from './acts/policy.ts';
import { repeatAct } from './acts/repeat.ts';
import { sendersAct } from './acts/senders.ts';
import type { Scene } from './scene.ts';
import { Show } from './show.ts';
import { Stage } from './stage.ts';
import { TooLate } from './until.ts';

type Act = (scene: Scene) => Promise<void>;

const ACTS: readonly (readonly [title: string, act: Act])[] = [
  ['A policy is put in force', policyAct],
  ['Two people join a group; their identity providers tell', joinAct],
  ['They come in, with sessions and tokens of their own', accessAct],
  ['Others who tell: Okta asks back, Cognito, EKS and IAM report', sendersAct],
  ['The same events once more', repeatAct],
  ['Mia leaves the group while her session lives', leaveAct],
  ["aws-auth: what was not Gatehouse's", bytesAct],
  ['The ledger', ledgerAct],
];

/** How long a step is waited for. Each takes a second or two; this is for a machine that has much else to do. */
const PATIENCE_SECONDS = 30;

/** Plays the demo. The terminal's exit code is 1 unless every expectation held. @throws what keeps the sandbox from starting. */
export async function runDemo(terminal: Terminal, { template, cluster }: DemoOptions): Promise<void> {
  const { out } = terminal;
  const { style } = out;
  const components = cluster === 'real' ? await builtComponents(terminal) : undefined;
  const began = performance.now();
  const show = new Show(out);
  out.write(`${style.bold('Gatehouse')}: a group change becomes proven cluster access, and is taken back.\n`);
  const played = components ? 'AWS is played, two clusters are real ones' : 'AWS and two clusters are played';
  out.write(`${style.dim(`Real handlers and AWS clients, wired from template.yaml; ${played} on 127.0.0.1.`)}\n`);
  // A signal ends it at once: nothing of the sandbox is kept, and its folder goes with the process.
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  show.startClock();
  const stage = await Stage.open({
    patience: PATIENCE_SECONDS,
    ...(template === undefined ? {} : { template }),
    ...(components === undefined ? {} : { components }),
    listener: (line) => {
      const step = narrate(line);
      if (step && step.word !== 'operation') show.step(step.word, step.where, step.text, step.trouble);
    },
  });
  try {
    await play({ stage, show, memory: {} });
  } finally {
    await stage.close();
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const good = show.failed === 0;
  const summary = good
    ? style.good(`All ${counted(show.held, 'expectation')} held`)
    : style.bad(`${counted(show.failed, 'expectation')} failed, ${show.held} held`);
  out.write(`\n${style.bold(summary)}, ${seconds} s\n`);
  if (!good) terminal.exitCode = 1;
}

/** Act by act; what follows from an expectation that failed is not played. */
async function play(scene: Scene): Promise<void> {
  for (const [index, [title, act]] of ACTS.entries()) {
    scene.show.act(index + 1, title);
    try {
      await act(scene);
    } catch (error) {
      if (!(error instanceof TooLate)) throw error;
      scene.show.expect(`${error.what} (waited ${error.seconds} s)`, error.last, 'it happens');
    }
    if (scene.show.failed > 0) return;
  }
}
