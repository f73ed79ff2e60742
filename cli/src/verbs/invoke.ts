import { readFileSync } from 'node:fs';
import { Failure } from '@gatehouse/core/access/failure';
import type { Json } from '@gatehouse/core/access/json';
import { type Command, Option } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { readSample, sampleNames } from '../events/samples.ts';
import { type Column, type Format, isForPrograms, withFormats, writeAnswer } from '../terminal/answer.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface Options extends AwsOptions {
  readonly output: Format;
  readonly event?: string;
  readonly sample?: string;
  readonly sign?: boolean;
  readonly list?: boolean;
}

/** Every function of the stack, by its short name, and what it is invoked with. */
export const FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ['connect-cluster', 'an operation on a cluster elsewhere'],
  ['plan-access', 'a batch of SQS: which facts may have changed'],
  ['receive-event', 'an event of EventBridge'],
  ['receive-webhook', 'a request of the HTTP API'],
  ['reconcile-cluster', 'a batch of SQS: wake-ups of a cluster'],
  ['reconcile-iam', 'a batch of SQS: wake-ups of IAM principals'],
  ['run-operation', 'an operation'],
  ['sweep', 'nothing, or { "scheduledAt": "<time>" }'],
  ['tick', 'nothing, or { "scheduledAt": "<time>" }'],
  ['verify-access', 'a batch of SQS: wake-ups of a verification'],
]);

/** The functions' longest time-out, and some for the way. */
const TIMEOUT_MS = 65_000;

/** `invoke`: any function of the stack, with a payload of one's own. */
export function addInvoke(program: Command, terminal: Terminal): void {
  const verb = program
    .command('invoke')
    .argument('[function]', 'its short name: receive-webhook, tick, ...')
    .description('invoke a function of the stack with a payload, and print what it answers')
    .option('--event <file>', 'what it is invoked with, JSON ("-" reads stdin; default: {})')
    .addOption(new Option('--sample <name>', 'one of the sample events of the project').conflicts('event'))
    .option('--sign', 'prove a sample of a webhook anew, with the secret of the stack and the time of now')
    .option('--list', 'list the functions and the samples');
  withFormats(withAwsOptions(verb)).action((name: string | undefined, options: Options) =>
    invoke(terminal, name, options),
  );
  withExamples(verb, [
    ['gatehouse invoke --list', 'what there is'],
    ['gatehouse invoke receive-event --sample cognito/member-added', 'as if EventBridge had delivered it'],
    ['gatehouse invoke receive-webhook --sample okta/member-added --sign', 'as if Okta had sent it'],
    ['echo \'{"operation": "status"}\' | gatehouse invoke run-operation --event -', 'a payload of your own'],
  ]);
  withExitCodes(verb);
}

interface Listed {
  readonly kind: 'function' | 'sample';
  readonly name: string;
  readonly takes: string;
}

const COLUMNS: readonly Column<Listed>[] = [
  { head: 'KIND', cell: ({ kind }, style) => ({ text: kind, paint: style.dim }) },
  { head: 'NAME', cell: ({ name }, style) => ({ text: name, paint: style.name }) },
  { head: 'TAKES', cell: ({ takes }) => takes },
];

async function invoke(terminal: Terminal, named: string | undefined, options: Options): Promise<void> {
  if (options.list) {
    const functions = [...FUNCTIONS].map(([each, takes]) => ({ kind: 'function' as const, name: each, takes }));
    const takerOf = await takersOf();
    const samples = sampleNames().map((each) => ({
      kind: 'sample' as const,
      name: each,
      takes: `for ${takerOf(each)}`,
    }));
    const rows = [...functions, ...samples];
    await writeAnswer(terminal.out, options.output, {
      value: { functions, samples },
      listing: { columns: COLUMNS, rows },
    });
    return;
  }
  const name = named?.replace(/^gatehouse-/, '');
  if (name === undefined || !FUNCTIONS.has(name)) {
    throw new Failure('invalid', named === undefined ? 'no function is named' : `there is no function "${named}"`, {
      remedy: `name one of ${[...FUNCTIONS.keys()].join(', ')}`,
    });
  }
  if (options.sign && !options.sample) {
    throw new Failure('invalid', '--sign is for a sample of a webhook', { remedy: 'add: --sample okta/member-added' });
  }
  const payload = await payloadOf(terminal, options);
  const { invocationsOf } = await import('../aws/run-operation.ts');
  const call = await invocationsOf(options, terminal);
  const invoking = () => call(`gatehouse-${name}`, payload, TIMEOUT_MS);
  const quiet = isForPrograms(options.output);
  const answer = await terminal.progress.during(`invoking ${name}`, invoking, { quiet });
  const text = JSON.stringify(answer, null, 2);
  await writeAnswer(terminal.out, options.output, {
    value: { function: name, answer },
    listing: {
      columns: [
        { head: 'FUNCTION', cell: () => name },
        { head: 'ANSWER', cell: () => JSON.stringify(answer) },
      ],
      rows: [answer],
    },
    // JSON escapes control characters, so that nothing of an answer moves the cursor.
    text: (output) => output.write(`${text}\n`),
  });
}

/** The function that a sample is for, by its folder, which has the name of its source. */
async function takersOf(): Promise<(sample: string) => string> {
  const { webhookSources } = await import('@gatehouse/core/sources/sources');
  return (sample) => (webhookSources.has(sample.split('/')[0]!) ? 'receive-webhook' : 'receive-event');
}

async function payloadOf(terminal: Terminal, options: Options): Promise<Json> {
  const { event, sample, sign } = options;
  if (event === undefined && sample === undefined) return {};
  const text = sample === undefined ? readFileSync(event === '-' ? 0 : event!, 'utf8') : readSample(sample);
  const payload = parsed(text, sample ?? event!);
  if (!sign) return payload;
  if ((await takersOf())(sample!) !== 'receive-webhook') {
    throw new Failure('invalid', `${sample} is no webhook: there is nothing to sign`, { remedy: 'leave out --sign' });
  }
  const { signedSample } = await import('../events/sign-sample.ts');
  return signedSample(terminal, options, sample!.split('/')[0]!, payload);
}

function parsed(text: string, where: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new Failure('invalid', `${where === '-' ? 'what stdin holds' : where} is no JSON`, { cause });
  }
}
