import { editList, type ListEdit } from '@gatehouse/core/resources/aws-auth/edit';
import { type ListDocument, readList } from '@gatehouse/core/resources/aws-auth/list';
import { load } from 'js-yaml';
import { ACCOUNT } from '../builders/policy.ts';
import type { Effort, Figures, Measurement } from './figures.ts';
import { fastestMilliseconds, rounded } from './statistics.ts';

const SIZES = [100, 1_000, 5_000];
const MOST = 5;
const OURS = `arn:aws:iam::${ACCOUNT}:role/gatehouse-operators`;

/** One edit each: of entries that are there, in the middle of the document. */
const EDITS: Readonly<Record<string, ListEdit>> = {
  'an entry is added': {
    arn: `arn:aws:iam::${ACCOUNT}:role/gatehouse-new`,
    username: 'gatehouse:new:{{SessionNameRaw}}',
  },
  'an entry is changed': { arn: OURS, username: 'gatehouse:operators:{{SessionName}}' },
  'an entry is removed': { arn: OURS },
};

/** An administrator's list of many roles with one entry of Gatehouse's in its middle. */
export function awsAuthOf(entries: number): string {
  const foreign = (index: number) =>
    [
      `- rolearn: arn:aws:iam::${ACCOUNT}:role/team-${index}`,
      `  username: team-${index}:{{SessionName}}`,
      `  groups: # of team ${index}`,
      `  - team-${index}`,
      '',
    ].join('\n');
  const all = Array.from({ length: entries - 1 }, (_, index) => foreign(index));
  const ours = `- rolearn: ${OURS}\n  username: "gatehouse:operators:{{SessionNameRaw}}"\n`;
  return all.toSpliced(entries / 2, 0, ours).join('');
}

/** Reading the list, editing it and proving the edit, as a turn does it, beside what js-yaml alone takes to load the same text. */
export const awsAuthEdits: Measurement = {
  name: 'aws-auth',
  async measure({ quick, tell }: Effort): Promise<Figures> {
    const rows: (string | number)[][] = [];
    const ratios = new Map<string, number>();
    const series = new Map<string, number[]>();
    const note = (name: string, milliseconds: number) =>
      series.set(name, [...(series.get(name) ?? []), rounded(milliseconds)]);
    for (const size of SIZES) {
      tell(`${size} entries`);
      const text = awsAuthOf(size);
      const runs = quick ? 3 : size > 1_000 ? 21 : 61;
      const edits = Object.entries(EDITS);
      for (const [what, edit] of edits) {
        const preserved = foreignLines(edited(text, edit)) === foreignLines(text);
        if (!preserved) throw new Error(`${what}: lines of others changed among ${size} entries`);
      }
      const [loading = 0, ...taken] = fastestMilliseconds(runs, [
        () => load(text),
        ...edits.map(
          ([, edit]) =>
            () =>
              edited(text, edit),
        ),
      ]);
      note('js-yaml loads it', loading);
      edits.forEach(([what], index) => {
        const ratio = rounded(taken[index]! / loading);
        if (size === 1_000) ratios.set(what, ratio);
        note(what, taken[index]!);
        rows.push([size, Math.round(text.length / 1024), what, rounded(loading), rounded(taken[index]!), ratio, 'all']);
      });
    }
    return {
      name: 'aws-auth',
      title: 'Editing aws-auth',
      columns: ['entries', 'KB', 'edit', 'js-yaml loads it, ms', 'edit, ms', 'times', 'bytes of others kept'],
      rows,
      targets: [...ratios].map(([what, measured]) => ({
        what: `an edit among 1,000 entries against js-yaml's load: ${what}`,
        atMost: MOST,
        measured,
        unit: 'times',
      })),
      plots: [
        {
          file: 'aws-auth-edits',
          title: 'Editing aws-auth',
          kind: 'lines',
          x: 'entries',
          y: 'time, ms',
          labels: SIZES,
          series: [...series].map(([name, values]) => ({ name, values })),
          logarithmic: true,
        },
      ],
    };
  },
};

/** The text after an edit. @throws Error where it cannot be made. */
export function edited(text: string, edit: ListEdit): string {
  const result = editList(readList('mapRoles', text) as ListDocument, [edit]);
  if (typeof result !== 'string') throw new Error(result.reason);
  return result;
}

/** Every line that is not of Gatehouse's entries, in order. */
const foreignLines = (text: string): string => text.replaceAll(/^- rolearn: \S*gatehouse-.*\n {2}username: .*\n/gm, '');
