import type { AwsCredentials } from '@gatehouse/core/aws/cluster-token';
import { askCluster, type Question, type Verdict } from './cluster-session.ts';
import type { Show } from './show.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

/** A question, and the answer that the policy gives. */
export type Ask = readonly [question: Question, expected: Verdict];

/** A question of somebody's, as it was answered. */
export interface AnswerRow {
  readonly who: string;
  readonly text: string;
  readonly cluster: string;
  readonly verdict: Verdict;
  readonly status: number;
  readonly expected: Verdict;
}

/** Begins a session of a role, as soon as its trust takes the person in: a trust document takes a moment to be everywhere. */
export async function assumed(
  stage: Stage,
  keys: AwsCredentials,
  roleArn: string,
  session: string,
): Promise<AwsCredentials> {
  let refusal = '';
  return until(
    `${session} can assume ${roleArn.replace(/^.*:/, '')}`,
    stage.patience,
    () =>
      stage.assume(keys, roleArn, session).catch((error: Error) => {
        refusal = error.message;
        return undefined;
      }),
    () => refusal,
  );
}

/** Asks everything with one session. */
export async function answers(
  { sandbox }: Stage,
  who: string,
  credentials: AwsCredentials,
  asks: readonly Ask[],
): Promise<readonly AnswerRow[]> {
  const rows: AnswerRow[] = [];
  for (const [question, expected] of asks) {
    const { verdict, status } = await askCluster(sandbox, credentials, question);
    rows.push({ who, text: question.text, cluster: question.cluster, verdict, status, expected });
  }
  return rows;
}

const WORDS: Readonly<Record<Verdict, string>> = { allowed: 'yes', denied: 'no', stranger: 'not let in' };

/** The cells of an answer, under ANSWER, HTTP, and whether it is the policy's. */
export function answerCells(
  { style }: Show['output'],
  { verdict, status, expected }: Pick<AnswerRow, 'verdict' | 'status' | 'expected'>,
) {
  return [
    { text: WORDS[verdict], paint: verdict === 'allowed' ? style.good : style.warn },
    { text: String(status), paint: style.dim },
    verdict === expected ? { text: '✓', paint: style.good } : { text: '✗', paint: style.bad },
  ];
}

/** Expects answers to be those of the policy. */
export function expectAnswers(
  show: Show,
  rows: readonly Pick<AnswerRow, 'who' | 'text' | 'verdict' | 'expected'>[],
): void {
  show.expect(
    `all ${rows.length} answers are those of the policy`,
    rows
      .filter(({ verdict, expected }) => verdict !== expected)
      .map(({ who, text, verdict }) => `${who}: ${text}: ${verdict}`),
    [],
  );
}

/** Shows answers as a table, and expects them to be those of the policy. */
export function showAnswers(show: Show, rows: readonly AnswerRow[]): void {
  const { output } = show;
  show.table(
    ['WHO', 'ASKS TO', 'ON', 'ANSWER', 'HTTP', ''],
    rows.map((row) => [
      { text: row.who, paint: output.style.name },
      row.text,
      row.cluster,
      ...answerCells(output, row),
    ]),
  );
  expectAnswers(show, rows);
}
