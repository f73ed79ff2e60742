import { Failure } from '@gatehouse/core/access/failure';
import { narrate } from '../pipeline/narrate.ts';
import { builtComponents } from '../sandbox/run.ts';
import { columns } from '../terminal/columns.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';
import type { DemoOptions } from '../verbs/demo.ts';
import type { Scenario, Scene } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { Show } from './show.ts';
import { Stage } from './stage.ts';
import { TooLate } from './until.ts';

/** How long a step is waited for. Each takes a second or two; this is for a machine that has much else to do. */
const PATIENCE_SECONDS = 30;

/**
 * Plays a scenario. The terminal's exit code is 1 unless every expectation held.
 * @throws Failure `not-found` where there is no such scenario; what keeps the sandbox from starting.
 */
export async function runDemo(terminal: Terminal, options: DemoOptions): Promise<void> {
  const { template, cluster, scenario: name } = options;
  const scenario = await (Object.hasOwn(SCENARIOS, name) ? SCENARIOS[name]!() : undefined);
  if (scenario === undefined) {
    const remedy = `the scenarios are ${Object.keys(SCENARIOS).join(', ')}`;
    throw new Failure('not-found', `there is no scenario "${name}"`, { remedy });
  }
  const { out } = terminal;
  const { style } = out;
  const components = cluster === 'real' ? await builtComponents(terminal) : undefined;
  const began = performance.now();
  const show = new Show(out);
  out.write(`${style.bold('Gatehouse')}: ${scenario.about}.\n`);
  const played = components ? 'AWS is played, the clusters are real ones' : 'AWS and the clusters are played';
  out.write(`${style.dim(`Real handlers and AWS clients, wired from template.yaml; ${played} on 127.0.0.1.`)}\n`);
  // A signal ends it at once: nothing of the sandbox is kept, and its folder goes with the process.
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  show.startClock();
  const stage = await Stage.open({
    patience: PATIENCE_SECONDS,
    policyFile: scenario.policyFile,
    clusterObjects: scenario.clusterObjects,
    ...(scenario.internet === undefined ? {} : { internet: scenario.internet }),
    ...(template === undefined ? {} : { template }),
    ...(components === undefined ? {} : { components }),
    listener: (line) => {
      const step = narrate(line);
      if (step && step.word !== 'operation') show.step(step.word, step.where, step.text, step.trouble);
    },
  });
  let proven: readonly Proven[] = [];
  try {
    proven = await play(scenario, { stage, show });
  } finally {
    await stage.close();
    await scenario.close?.();
  }
  if (show.failed === 0) writeProven(out, proven);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const good = show.failed === 0;
  const summary = good
    ? style.good(`All ${counted(show.held, 'expectation')} held`)
    : style.bad(`${counted(show.failed, 'expectation')} failed, ${show.held} held`);
  out.write(`\n${style.bold(summary)}, ${seconds} s\n`);
  if (!good) terminal.exitCode = 1;
}

/** Act by act; what follows from an expectation that failed is not played. */
async function play({ acts }: Scenario, scene: Scene): Promise<readonly Proven[]> {
  const proven: Proven[] = [];
  for (const [index, act] of acts.entries()) {
    const before = scene.show.held;
    scene.show.act(index + 1, act.title);
    try {
      await act.play(scene);
    } catch (error) {
      if (!(error instanceof TooLate)) throw error;
      scene.show.expect(`${error.what} (waited ${error.seconds} s)`, error.last, 'it happens');
    }
    proven.push({ title: act.title, held: scene.show.held - before });
    if (scene.show.failed > 0) break;
  }
  return proven;
}

/** An act, and how many expectations held in it. */
interface Proven {
  readonly title: string;
  readonly held: number;
}

/** What was proven, act by act. */
function writeProven(out: Output, proven: readonly Proven[]): void {
  const { style } = out;
  const rows = proven.map(({ title, held }, index) => [
    { text: `${index + 1}`, paint: style.name },
    title,
    { text: held === 0 ? '' : counted(held, 'expectation'), paint: style.good },
  ]);
  out.write(`\n${style.bold('What was proven')}\n${columns(rows, { style })}`);
}
