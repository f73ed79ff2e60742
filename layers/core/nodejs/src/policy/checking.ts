import { type PrincipalArn, parsePrincipalArn } from '../access/arn.ts';
import { isFailure } from '../access/failure.ts';
import type { Path } from './document.ts';
import { nearestName } from './nearest.ts';

/** The identity sources whose groups and users a policy can name. */
export const SOURCES = ['okta', 'standard', 'cognito'] as const;

/** Takes what is wrong at a place of the document, and what to write instead. */
export type Report = (path: Path, message: string, remedy: string) => void;

/** Reports a source that does not exist. */
export function checkSource(source: string, path: Path, report: Report): void {
  if ((SOURCES as readonly string[]).includes(source)) return;
  const near = nearestName(source, SOURCES);
  const remedy = near ? `did you mean ${near}?` : `use one of ${SOURCES.join(', ')}`;
  report(path, `there is no identity source ${JSON.stringify(source)}`, remedy);
}

/** Reports a name that nothing bears. `kind`: what it should be the name of. */
export function checkName(name: string, names: readonly string[], kind: string, path: Path, report: Report): boolean {
  if (names.includes(name)) return true;
  const near = nearestName(name, names);
  const remedy = near ? `did you mean ${near}?` : `define it under ${kind}s`;
  report(path, `there is no ${kind} ${JSON.stringify(name)}`, remedy);
  return false;
}

/** The ARN of an IAM principal; reported, and undefined, where it is none. */
export function principalArn(text: string, path: Path, report: Report): PrincipalArn | undefined {
  try {
    return parsePrincipalArn(text);
  } catch (error) {
    if (!isFailure(error, 'invalid')) throw error;
    report(path, error.message, error.remedy ?? 'write the ARN of an IAM role or user');
    return undefined;
  }
}
