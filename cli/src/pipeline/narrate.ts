import { isFailure } from '@gatehouse/core/access/failure';
import { parseTarget } from '@gatehouse/core/access/target';
import { counted } from '../terminal/text.ts';
import { type LogLine, numberIn, textIn } from './log-line.ts';

/** One step of the pipeline, for people. */
export interface Step {
  /** What happened, in one word. */
  readonly word: 'received' | 'refused' | 'policy' | 'planned' | 'iam' | 'cluster' | 'verified' | 'operation' | 'error';
  /** Where: a source, a cluster, an IAM principal. */
  readonly where: string;
  readonly text: string;
  /** Whether a person should look at it. */
  readonly trouble: boolean;
}

type Narrator = (line: LogLine) => Step | undefined;

const NARRATORS: ReadonlyMap<string, Narrator> = new Map<string, Narrator>([
  ['a webhook was taken in', received],
  ['an event was taken in', (line) => (numberIn(line, 'facts') > 0 ? received(line) : undefined)],
  [
    'a webhook was refused',
    (line) => step('refused', textIn(line, 'source'), `${textIn(line, 'kind')}: ${textIn(line, 'reason')}`, true),
  ],
  [
    'a policy was taken in',
    // One that waits for somebody to agree is worth a look.
    (line) =>
      step('policy', `version ${numberIn(line, 'version')}`, policyText(line), textIn(line, 'state') === 'proposed'),
  ],
  ['an upload was refused', (line) => step('policy', 'refused', textIn(line, 'reason'), true)],
  [
    'planned',
    (line) =>
      numberIn(line, 'planned') === 0 && numberIn(line, 'marks') === 0
        ? undefined
        : step(
            'planned',
            '',
            `${counted(numberIn(line, 'planned'), 'fact')}, ${counted(numberIn(line, 'marks'), 'mark')}`,
          ),
  ],
  ['turn', turn],
  ['verified', verified],
  // Who only looks changes nothing.
  [
    'operation',
    (line) => (textIn(line, 'operation') === 'status' ? undefined : step('operation', '', textIn(line, 'operation'))),
  ],
]);

/** A line in people's words; undefined for what is of no interest as long as all goes well. */
export function narrate(line: LogLine): Step | undefined {
  const narrator = NARRATORS.get(line.message);
  if (narrator) return narrator(line);
  if (line.level !== 'WARN' && line.level !== 'ERROR') return undefined;
  const { error } = line.details;
  const thrown = typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : error;
  const why = [textIn(line, 'reason'), textIn(line, 'errorMessage'), thrown].find(
    (text) => typeof text === 'string' && text !== '',
  );
  return step('error', line.functionName, why ? `${line.message}: ${why}` : line.message, true);
}

function step(word: Step['word'], where: string, text: string, trouble = false): Step {
  return { word, where, text, trouble };
}

function received(line: LogLine): Step {
  const { ignored } = line.details;
  const passed = Array.isArray(ignored) ? ignored.map((pair: unknown) => String(pair).replace(/,.*/, '')) : [];
  const parts = [
    counted(numberIn(line, 'events'), 'event'),
    counted(numberIn(line, 'facts'), 'new fact'),
    ...(numberIn(line, 'repeated') > 0 ? [`${numberIn(line, 'repeated')} known already`] : []),
    ...passed.map((reason) => `ignored: ${reason}`),
  ];
  return step('received', textIn(line, 'source'), parts.join(', '));
}

function policyText(line: LogLine): string {
  return `${textIn(line, 'state')}; ${numberIn(line, 'widens')} ways wider, ${numberIn(line, 'narrows')} narrower`;
}

function turn(line: LogLine): Step | undefined {
  const where = placeOf(textIn(line, 'target'));
  if (textIn(line, 'kind') === 'busy') return undefined;
  const settled = Array.isArray(line.details.settled) ? line.details.settled.map(String) : [];
  const parked = settled.filter((one) => one === 'parked').length;
  const changes = numberIn(line, 'changes');
  if (changes === 0 && parked === 0) return undefined;
  const found = parked === 0 ? '' : `, ${counted(parked, 'finding')} (see gatehouse status)`;
  return step(
    textIn(line, 'target').startsWith('iam/') ? 'iam' : 'cluster',
    where,
    `${counted(changes, 'object')} changed${found}`,
    parked > 0,
  );
}

function verified(line: LogLine): Step | undefined {
  const [done, wrong] = [numberIn(line, 'verified'), numberIn(line, 'contradicted')];
  if (done === 0 && wrong === 0) return undefined;
  const contradicted = wrong === 0 ? '' : `, ${wrong} CONTRADICTED`;
  return step(
    'verified',
    placeOf(textIn(line, 'target')),
    `${counted(done, 'subject')} as expected${contradicted}`,
    wrong > 0,
  );
}

/** A target in short: the cluster's name, or the principal's; so is the chain of a cluster. What is neither stays as it is. */
export function placeOf(target: string): string {
  try {
    const parts = parseTarget(target);
    return parts.type === 'iam' ? `${parts.principal} ${parts.name}` : parts.arn.replace(/^.*:cluster\//, '');
  } catch (error) {
    if (!isFailure(error)) throw error;
    return target;
  }
}
