import { type LogLine, numberIn, textIn } from '../../pipeline/log-line.ts';
import { placeOf } from '../../pipeline/narrate.ts';
import { counted } from '../../terminal/text.ts';

/** A delivery as a receiver reported it. */
export interface Delivery {
  /** Milliseconds UTC. */
  readonly at: number;
  readonly source: string;
  /** The sender's id of the delivery; empty where it was not believed. */
  readonly id: string;
  readonly outcome: 'taken in' | 'known already' | 'ignored' | 'refused';
  /** What came of it, or why nothing did. */
  readonly text: string;
}

/** A turn on a target, or the verification that followed one. */
export interface Turn {
  readonly at: number;
  readonly word: 'turn' | 'verified' | 'contradicted';
  readonly where: string;
  readonly text: string;
}

/** How many of each are kept: a page is read by people. */
export const KEPT = 50;

/** The newest of what functions told, newest first. */
export class Happened {
  #deliveries: readonly Delivery[] = [];
  #turns: readonly Turn[] = [];

  /** Deliveries, newest first. */
  get deliveries(): readonly Delivery[] {
    return this.#deliveries;
  }

  /** Turns and verifications, newest first. */
  get turns(): readonly Turn[] {
    return this.#turns;
  }

  /** Takes in a line of a function's log; true where it tells of something that the page shows. */
  add(line: LogLine, at: number): boolean {
    const delivery = deliveryIn(line, at);
    if (delivery) this.#deliveries = [delivery, ...this.#deliveries].slice(0, KEPT);
    const turn = turnIn(line, at);
    if (turn) this.#turns = [turn, ...this.#turns].slice(0, KEPT);
    return delivery !== undefined || turn !== undefined || CHANGES_STATE.has(line.message);
  }
}

const CHANGES_STATE: ReadonlySet<string> = new Set(['planned', 'a policy was taken in', 'an upload was refused']);

function deliveryIn(line: LogLine, at: number): Delivery | undefined {
  const common = { at, source: textIn(line, 'source') };
  switch (line.message) {
    case 'a webhook was taken in':
    case 'an event was taken in':
      return { ...common, id: textIn(line, 'delivery'), ...takenIn(line) };
    case 'a webhook was refused':
    case 'an event was refused':
      return { ...common, id: '', outcome: 'refused', text: `${textIn(line, 'kind')}: ${textIn(line, 'reason')}` };
    default:
      return undefined;
  }
}

function takenIn(line: LogLine): Pick<Delivery, 'outcome' | 'text'> {
  const { ignored } = line.details;
  const reasons = Array.isArray(ignored)
    ? ignored.flatMap((pair: unknown) => (Array.isArray(pair) ? [`${pair[0]} (${pair[1]})`] : []))
    : [];
  const [facts, repeated] = [numberIn(line, 'facts'), numberIn(line, 'repeated')];
  const known = repeated === 0 ? [] : [`${repeated} known already`];
  const passed = reasons.length === 0 ? [] : [`ignored: ${reasons.join(', ')}`];
  if (facts > 0) {
    return {
      outcome: 'taken in',
      text: [counted(facts, 'new fact'), ...known, ...passed].join('; '),
    };
  }
  if (reasons.length > 0) return { outcome: 'ignored', text: [reasons.join(', '), ...known].join('; ') };
  return { outcome: 'known already', text: 'it says nothing new' };
}

function turnIn(line: LogLine, at: number): Turn | undefined {
  const where = placeOf(textIn(line, 'target'));
  if (line.message === 'verified') {
    const [right, wrong] = [numberIn(line, 'verified'), numberIn(line, 'contradicted')];
    if (right + wrong === 0) return undefined;
    return wrong === 0
      ? { at, word: 'verified', where, text: `${right} as expected` }
      : { at, word: 'contradicted', where, text: `${wrong} not as expected, ${right} as expected` };
  }
  if (line.message !== 'turn' || textIn(line, 'kind') === 'busy') return undefined;
  const settled = Array.isArray(line.details.settled) ? line.details.settled.map(String) : [];
  const changes = numberIn(line, 'changes');
  const outcomes = [...Map.groupBy(settled, (one) => one)].map(([one, all]) => `${all.length} ${one}`);
  const changed = changes === 0 ? 'nothing to change' : `${counted(changes, 'object')} changed`;
  return { at, word: 'turn', where, text: [changed, ...outcomes].join(', ') };
}
