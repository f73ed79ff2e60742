import type { TargetPlan } from '@gatehouse/core/operations/plan';
import type { Finding } from '@gatehouse/core/resources/resource';
import { shortTarget } from '../aws/targets.ts';
import type { Listing } from '../terminal/answer.ts';
import { type Cell, columns } from '../terminal/columns.ts';
import { type Reason, writeReason } from '../terminal/facts.ts';
import type { Paint, Style } from '../terminal/style.ts';
import type { Output } from '../terminal/terminal.ts';
import { counted, printable, timeText } from '../terminal/text.ts';
import { type FlatLine, findingsOf, isBlocking, linesOf, type Plans, summaryOf, widens } from './planned.ts';

/** The colour of a sign. */
export function paintOfSign(sign: string, style: Style): Paint {
  return sign === '+' ? style.good : sign === '-' ? style.bad : style.warn;
}

const SIGNS = { create: '+', update: '~', delete: '-' } as const;

/** How a line is told. */
interface Telling {
  /** With ids and times. */
  readonly wide: boolean;
  /** The plan is of a document that is not in force. */
  readonly isThought: boolean;
}

/**
 * Plans for people: what is to be done on each target, line by line with the reason; what somebody changed outside of Gatehouse;
 * who gets more than they have; what stands in the way; one summary.
 * @param wide With ids and times.
 */
export function writePlans(output: Output, all: Plans, wide: boolean): void {
  const { style } = output;
  const how = { wide, isThought: all.proposed !== undefined };
  const lines = linesOf(all.plans);
  if (all.proposed) writeComparison(output, all.proposed);
  for (const plan of all.plans) {
    const own = lines.filter((one) => one.plan === plan && !one.line.drifted);
    const findings = findingsOf(plan);
    if (own.length === 0 && findings.length === 0) continue;
    output.write(`${heading(plan, style)}\n`);
    writeLines(output, own, how);
    for (const finding of findings) writeFinding(output, finding);
    output.write('\n');
  }
  writeDrift(output, all.plans, lines, how);
  writeWidening(output, lines, wide);
  for (const reason of all.unplanned) {
    output.write(`${style.bad('unknown')} ${style.bold(shortTarget(reason.target))} ${style.name(reason.code)}\n`);
    writeReason(output, reason);
    output.write('\n');
  }
  output.write(`${style.bold(summaryText(all))}\n`);
}

function heading({ target, mode }: TargetPlan, style: Style): string {
  const word = { enforce: '', observe: 'observe: nothing of this is done', paused: 'paused: only removals are done' };
  const said = word[mode];
  return `${style.bold(shortTarget(target))}${said === '' ? '' : `  ${style.warn(said)}`}`;
}

function writeObject(
  { style, write }: Output,
  { action, kind, object }: { readonly action: keyof typeof SIGNS; readonly kind: string; readonly object: string },
): void {
  const sign = SIGNS[action];
  write(`\n  ${paintOfSign(sign, style)(sign)} ${style.name(kind)} ${printable(object)}\n`);
}

/** Lines under their objects. A line says nothing that its object has said; who and why stand below it. */
function writeLines(output: Output, lines: readonly FlatLine[], how: Telling): void {
  const { style } = output;
  for (const group of objectsIn(lines)) {
    writeObject(output, group[0]!);
    for (const { line, object, about } of group) {
      const text = line.text.startsWith(`${object}: `) ? line.text.slice(object.length + 2) : line.text;
      output.write(`      ${paintOfSign(line.sign, style)(line.sign)} ${printable(text)}\n`);
      const reason = reasonOf({ line, about }, how);
      if (reason !== '') output.write(`          ${style.dim(printable(reason))}\n`);
    }
  }
}

function objectsIn(lines: readonly FlatLine[]): readonly (readonly FlatLine[])[] {
  const groups = Map.groupBy(lines, ({ plan, kind, object, action }) =>
    JSON.stringify([plan.target, kind, object, action]),
  );
  return [...groups.values()];
}

/** `mia@example.com, by payments-operators, because of standard group.member-added`. */
function reasonOf({ line, about }: Pick<FlatLine, 'line' | 'about'>, how: Telling): string {
  const { subject, grants = [], drifted } = line;
  if (subject === undefined) return '';
  const isGrant = subject === `grant/${grants[0]}`;
  const who = isGrant ? [] : [nameOf(about?.name, subject, how.wide)];
  const by = grants.length === 0 ? [] : [`${isGrant ? 'grant' : 'by'} ${grants.join(', ')}`];
  const because = drifted ? [] : becauseOf(about?.cause, how);
  return [...who, ...by, ...because].join(', ');
}

function nameOf(name: string | undefined, subject: string, wide: boolean): string {
  if (name === undefined) return wide ? subject : subject.replace(/^principal\//, '');
  return wide ? `${name} (${subject})` : name;
}

function becauseOf(cause: NonNullable<FlatLine['about']>['cause'], { wide, isThought }: Telling): readonly string[] {
  if (cause === undefined) return isThought ? ['because of this document'] : [];
  const { source, type, event, receivedAt } = cause;
  return [`because of ${source} ${type}${wide ? ` ${event} at ${timeText(receivedAt)}` : ''}`];
}

function writeDrift(output: Output, plans: readonly TargetPlan[], lines: readonly FlatLine[], how: Telling): void {
  const drifted = lines.filter(({ line }) => line.drifted);
  if (drifted.length === 0) return;
  const { style } = output;
  output.write(`${style.warn(style.bold('Changed outside of Gatehouse'))}  ${style.dim('to be put right:')}\n`);
  for (const plan of plans) {
    const own = drifted.filter((one) => one.plan === plan);
    if (own.length === 0) continue;
    output.write(`  ${heading(plan, style)}\n`);
    writeLines(output, own, how);
  }
  output.write('\n');
}

/** Who gets more on which cluster, each once. */
function writeWidening(output: Output, lines: readonly FlatLine[], wide: boolean): void {
  const { style } = output;
  const gains = new Map<string, { readonly grants: string; readonly where: string; readonly row: readonly Cell[] }>();
  for (const { line, about, plan } of lines) {
    const { subject } = line;
    // A registration, or a provider, is nobody who gets anything.
    if (!widens(line) || subject === undefined || /^(connection|identity-provider)\//.test(subject)) continue;
    const where = shortTarget(plan.target);
    const grants = line.grants?.join(', ') ?? '';
    const whom = nameOf(about?.name, subject, wide);
    const row = [{ text: '+', paint: style.good }, whom, grants, { text: where, paint: style.dim }];
    gains.set(JSON.stringify([subject, grants, where]), { grants, where, row });
  }
  // What a grant's members share says nothing beside them.
  for (const [key, { grants, where }] of gains) {
    const isShared = key.startsWith('["grant/');
    const hasMember = [...gains].some(
      ([other, one]) => !other.startsWith('["grant/') && one.grants === grants && one.where === where,
    );
    if (isShared && hasMember) gains.delete(key);
  }
  if (gains.size === 0) return;
  output.write(`${style.bold('Widens')}  ${style.dim('whom, by which grant, where:')}\n`);
  output.write(
    columns(
      [...gains.values()].map(({ row }) => row),
      { style, indent: 2 },
    ),
  );
  output.write('\n');
}

function writeComparison(output: Output, { widens: more, narrows: less }: NonNullable<Plans['proposed']>): void {
  const { style, width } = output;
  output.write(`${style.bold('The policy')}  ${style.dim('against what is in force:')}\n`);
  const row = (sign: string, { about, text }: { about: string; text: string }): Cell[] => [
    { text: sign, paint: paintOfSign(sign, style) },
    { text: about, paint: style.name },
    text,
  ];
  if (more.length + less.length === 0) output.write('  it gives nobody more, and takes nothing away\n');
  else {
    output.write(
      columns([...more.map((one) => row('+', one)), ...less.map((one) => row('-', one))], { style, width, indent: 2 }),
    );
  }
  output.write('\n');
}

function writeFinding(output: Output, finding: Finding): void {
  const { style } = output;
  const word = isBlocking(finding) ? style.bad('blocked') : style.warn('notice');
  output.write(`\n  ${word} ${style.name(finding.code)} ${printable(finding.object)}\n`);
  writeReason(output, finding, 6);
}

/** `Plan: 3 to make, 1 to change, 2 to remove on 2 clusters; 1 blocked; 1 drifted.` */
function summaryText(all: Pick<Plans, 'plans' | 'unplanned'>): string {
  const summary = summaryOf(all);
  const { clusters, iam, blocked, drifted, unplanned, observed } = summary;
  const rest = [
    ...(blocked > 0 ? [`${blocked} blocked`] : []),
    ...(drifted > 0 ? [`${drifted} drifted`] : []),
    ...(observed > 0 ? [`${observed} only observed`] : []),
    ...(unplanned > 0 ? [`${counted(unplanned, 'target')} unknown`] : []),
  ];
  const total = summary.create + summary.update + summary.delete;
  if (total === 0) {
    const where = all.plans.length === 1 ? 'It is' : `All ${all.plans.length} targets are`;
    const said = rest.length === 0 ? `${where} as the policy says.` : `${rest.join('; ')}.`;
    return `Nothing to do. ${said}`;
  }
  const where = [...(clusters > 0 ? [counted(clusters, 'cluster')] : []), ...(iam > 0 ? [`${iam} in IAM`] : [])].join(
    ' and ',
  );
  const what = `${summary.create} to make, ${summary.update} to change, ${summary.delete} to remove on ${where}`;
  return `Plan: ${[what, ...rest].join('; ')}.`;
}

/** A line of a plan, a finding, or a target that could not be planned. */
interface Row {
  readonly target: string;
  readonly mode: string;
  readonly action: string;
  readonly kind?: string;
  readonly object?: string;
  readonly flat?: FlatLine;
  readonly reason?: Reason & { readonly subject?: string | undefined };
}

/** Signs are formulas to a spreadsheet. */
const LINE_WORDS: Readonly<Record<string, string>> = { '+': 'added', '-': 'removed', '~': 'changed' };

/** Each line of plans as a row; then what stands in the way, and what could not be planned. */
export function planListing({ plans, unplanned }: Plans): Listing<Row> {
  const lines = linesOf(plans).map(
    (flat): Row => ({ ...flat.plan, kind: flat.kind, object: flat.object, action: flat.action, flat }),
  );
  const found = plans.flatMap((plan) =>
    findingsOf(plan).map((finding): Row => {
      const { target, mode } = plan;
      return { target, mode, object: finding.object, action: finding.severity, reason: finding };
    }),
  );
  const unknown = unplanned.map((reason): Row => ({ target: reason.target, mode: '', action: 'unknown', reason }));
  return {
    rows: [...lines, ...found, ...unknown],
    columns: [
      { head: 'TARGET', cell: ({ target }) => target },
      { head: 'MODE', cell: ({ mode }) => mode },
      { head: 'ACTION', cell: ({ action }) => action },
      { head: 'KIND', cell: ({ kind = '' }) => kind },
      { head: 'OBJECT', cell: ({ object = '' }) => object },
      { head: 'LINE', cell: ({ flat }) => LINE_WORDS[flat?.line.sign ?? ''] ?? '' },
      { head: 'TEXT', cell: ({ flat, reason }) => flat?.line.text ?? reason?.message ?? '' },
      { head: 'SUBJECT', cell: ({ flat, reason }) => flat?.line.subject ?? reason?.subject ?? '' },
      { head: 'NAME', cell: ({ flat }) => flat?.about?.name ?? '' },
      { head: 'GRANTS', cell: ({ flat }) => flat?.line.grants?.join(' ') ?? '' },
      {
        head: 'DRIFTED',
        cell: ({ flat }) => String(flat?.line.drifted === true),
        value: ({ flat }) => flat && flat.line.drifted === true,
      },
      { head: 'EVENT', cell: ({ flat }) => flat?.about?.cause?.event ?? '' },
      { head: 'AT', cell: ({ flat }) => (flat?.about?.cause ? timeText(flat.about.cause.receivedAt) : '') },
      { head: 'CODE', cell: ({ reason }) => reason?.code ?? '' },
      { head: 'REMEDY', cell: ({ reason }) => reason?.remedy ?? '' },
    ],
  };
}
