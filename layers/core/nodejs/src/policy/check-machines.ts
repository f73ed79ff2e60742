import { reservedRole } from '../access/arn.ts';
import { principalArn, type Report } from './checking.ts';
import type { Path } from './document.ts';
import { granteesOf, type MachineDocument, type PolicyDocument } from './schema.ts';

/** Everything that is wrong with the machines of a document. */
export function checkMachines(document: PolicyDocument, report: Report): void {
  const taken = new Map<string, string>();
  for (const [name, machine] of Object.entries(document.machines ?? {})) {
    const path: Path = ['machines', name];
    for (const field of ['user', 'username'] as const) {
      const value = machine[field];
      if (value === undefined) continue;
      const key = `${field} ${value.toLowerCase()}`;
      const other = taken.get(key);
      if (other !== undefined) {
        report([...path, field], `the machines "${other}" and "${name}" would be one ${field}`, 'give each its own');
      }
      taken.set(key, name);
    }
    checkNames(document, name, machine, path, report);
    checkTrust(machine.trust, [...path, 'trust'], report);
  }
}

/** Names of an IAM user and what hangs on it are for a machine that has one. */
function checkNames(
  { grants = [] }: PolicyDocument,
  name: string,
  machine: MachineDocument,
  path: Path,
  report: Report,
): void {
  const granting = grants.filter(({ to }) => granteesOf(to).some((grantee) => grantee.machine === name));
  if (granting.length === 0 || granting.some(({ through }) => through !== 'role')) return;
  for (const field of ['user', 'username', 'policy'] as const) {
    if (machine[field] === undefined) continue;
    const message = `"${name}" comes through a role only, so it has no IAM user to be named`;
    report([...path, field], message, `remove ${field}, or grant it something through: user`);
  }
}

/** Reports what is wrong with a trust. */
export function checkTrust(trust: MachineDocument['trust'], path: Path, report: Report): void {
  if (trust === undefined) return;
  const { principals, accounts, webIdentity } = trust;
  if (!principals && !accounts && !webIdentity) {
    report(path, 'this trust lets nobody in', 'add principals, accounts or webIdentity, or remove it');
  }
  principals?.forEach((text, index) => {
    const at: Path = [...path, 'principals', index];
    const arn = principalArn(text, at, report);
    if (!arn) return;
    if (arn.type !== 'role' && arn.type !== 'user') {
      report(at, `"${text}" is not a role or user`, 'name the IAM role or user; whole accounts go under accounts');
    }
    const reserved = reservedRole(arn);
    if (reserved) report(at, `"${text}" cannot be trusted: ${reserved.why}`, reserved.remedy);
  });
  const identities = webIdentity === undefined ? [] : 'provider' in webIdentity ? [webIdentity] : webIdentity;
  identities.forEach(({ provider, subjects }, index) => {
    const at: Path = Array.isArray(webIdentity) ? [...path, 'webIdentity', index] : [...path, 'webIdentity'];
    subjects.forEach((subject, place) => {
      const problem = looseSubject(provider, subject);
      if (problem) report([...at, 'subjects', place], problem.message, problem.remedy);
    });
  });
}

/**
 * Why a pattern of subjects would let in strangers: every customer of a public provider has its tokens.
 * GitHub: https://docs.github.com/actions/concepts/security/openid-connect, GitLab: https://docs.gitlab.com/ci/cloud_services/aws/.
 */
function looseSubject(provider: string, subject: string): { message: string; remedy: string } | undefined {
  const fixed = subject.slice(0, subject.search(/[*?]|$/));
  if (provider === 'token.actions.githubusercontent.com' && !/^repo:[^/]+\/[^/:]+:/.test(fixed)) {
    return {
      message: `${JSON.stringify(subject)} does not name one repository, so workflows of others would match`,
      remedy: 'write it like repo:acme/payments:ref:refs/heads/main',
    };
  }
  if (/(^|\.)gitlab\./.test(provider) && !/^project_path:[^/]+\/[^:]+:/.test(fixed)) {
    return {
      message: `${JSON.stringify(subject)} does not name one project, so pipelines of others would match`,
      remedy: 'write it like project_path:acme/payments:ref_type:branch:ref:main',
    };
  }
  return fixed.length > 0
    ? undefined
    : {
        message: `${JSON.stringify(subject)} begins with a wildcard, so any token of the provider would match`,
        remedy: 'begin it with what only your own tokens say',
      };
}
