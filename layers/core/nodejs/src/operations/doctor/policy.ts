import type { UploadError } from '../../policy/uploaded.ts';
import type { Check } from './check.ts';

/** What is known of the access policy. */
export interface PolicyFacts {
  readonly inForce?: { readonly version: number; readonly partial: boolean };
  /** The newest version, where it waits for a person. */
  readonly proposed?: number;
  /** The last document that was refused, where none was accepted since. */
  readonly refused?: readonly UploadError[];
  readonly waiting: readonly { readonly failure?: { readonly message: string } }[];
  readonly findings: number;
}

/** Which policy is in force, and whether all of it is carried out. */
export function judgePolicy({ inForce, proposed, refused, waiting, findings }: PolicyFacts): readonly Check[] {
  const checks: Check[] = [];
  if (!inForce) {
    const fix = 'aws s3 cp access-policy.yaml s3://<policy bucket>/, then: gatehouse activate-policy 1';
    checks.push({ check: 'policy', verdict: 'fail', saw: 'no access policy is in force', fix });
  } else if (inForce.partial || proposed !== undefined) {
    const version = proposed ?? inForce.version;
    const saw = `version ${inForce.version} is in force; what version ${version} widens waits for a person`;
    checks.push({ check: 'policy', verdict: 'warn', saw, fix: `gatehouse activate-policy ${version}` });
  } else checks.push({ check: 'policy', verdict: 'ok', saw: `version ${inForce.version} is in force, all of it` });
  if (refused) {
    const [first] = refused;
    const place = first?.line === undefined ? '' : `line ${first.line}: `;
    const saw = `the last document was refused: ${place}${first?.message}`;
    checks.push({
      check: 'policy',
      verdict: 'fail',
      saw,
      fix: first?.remedy ?? 'gatehouse validate access-policy.yaml',
    });
  }
  const stuck = waiting.find(({ failure }) => failure !== undefined)?.failure;
  if (stuck)
    checks.push({
      check: 'work',
      verdict: 'warn',
      saw: `it is tried again: ${stuck.message}`,
      fix: 'gatehouse status',
    });
  else if (findings > 0) {
    const saw = `${findings} findings for a person to mend`;
    checks.push({ check: 'work', verdict: 'warn', saw, fix: 'gatehouse status' });
  } else
    checks.push({
      check: 'work',
      verdict: 'ok',
      saw: `${waiting.length} ${waiting.length === 1 ? 'mark waits' : 'marks wait'}, none has failed`,
    });
  return checks;
}
