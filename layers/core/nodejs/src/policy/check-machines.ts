import { reservedRole } from '../access/arn.ts';
import { machineUserName } from '../access/names.ts';
import { principalArn, type Report } from './checking.ts';
import type { Path } from './document.ts';
import { PROVIDER_PRESETS } from './identity-provider-presets.ts';
import { granteesOf, type MachineDocument, type PolicyDocument } from './schema.ts';

/** Everything that is wrong with the machines of a document. */
export function checkMachines(document: PolicyDocument, report: Report): void {
  const taken = derivedUsers(document);
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
    checkUsername(document, machine, path, report);
    checkTrust(machine.trust, [...path, 'trust'], report);
  }
}

/** The users of machines that come through one and name none, each with its machine. */
function derivedUsers({ grants = [], machines = {} }: PolicyDocument): Map<string, string> {
  const coming = grants.filter(({ through }) => through === 'user').flatMap(({ to }) => granteesOf(to));
  const names = coming.flatMap(({ machine }) => machine ?? []).filter((name) => machines[name]?.user === undefined);
  return new Map(names.map((name) => [`user ${machineUserName({ name }).toLowerCase()}`, name]));
}

/** Whom the OIDC provider of a cluster calls so would be bound with the machine. */
function checkUsername(
  { identityProviders = {} }: PolicyDocument,
  { username }: MachineDocument,
  path: Path,
  report: Report,
): void {
  if (username === undefined) return;
  for (const [name, { usernamePrefix, preset }] of Object.entries(identityProviders)) {
    const prefix = usernamePrefix ?? (preset && PROVIDER_PRESETS[preset].prefix);
    if (prefix === undefined || !username.startsWith(prefix)) continue;
    const message = `"${username}" may be a user of the identity provider "${name}", whose names begin with "${prefix}"`;
    report([...path, 'username'], message, 'give the machine a username that begins otherwise');
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
 * Providers whose tokens every customer of a service has, with what a subject must begin with before its first wildcard; whose
 * customer it is may no placeholder say, which an event fills in.
 * GitHub: https://docs.github.com/actions/concepts/security/openid-connect, GitLab: https://docs.gitlab.com/ci/cloud_services/aws/,
 * HCP Terraform: https://developer.hashicorp.com/terraform/cloud-docs/workspaces/dynamic-provider-credentials/workload-identity-tokens,
 * Buildkite: https://buildkite.com/docs/agent/v3/cli-oidc.
 */
const SHARED_PROVIDERS = [
  {
    host: /^token\.actions\.githubusercontent\.com$/,
    begins: /^repo:[^/{]+\/[^/:]+:/,
    names: 'one repository, so workflows',
    example: 'repo:acme/payments:ref:refs/heads/main',
  },
  {
    host: /(^|\.)gitlab\./,
    begins: /^project_path:[^/{]+\/[^:]+:/,
    names: 'one project, so pipelines',
    example: 'project_path:acme/payments:ref_type:branch:ref:main',
  },
  {
    host: /^app\.terraform\.io$/,
    begins: /^organization:[^:{]+:/,
    names: 'one organization, so runs',
    example: 'organization:acme:project:payments:workspace:prod:run_phase:apply',
  },
  {
    host: /^agent\.buildkite\.com$/,
    begins: /^organization:[^:{]+:/,
    names: 'one organization, so pipelines',
    example: 'organization:acme:pipeline:payments:ref:refs/heads/main:*',
  },
] as const;

/** Why a pattern of subjects would let in strangers: every customer of a public provider has its tokens. */
function looseSubject(provider: string, subject: string): { message: string; remedy: string } | undefined {
  const fixed = subject.slice(0, subject.search(/[*?]|$/));
  const shared = SHARED_PROVIDERS.find(({ host }) => host.test(provider.replace(/:\d+$/, '')));
  if (shared && !shared.begins.test(fixed)) {
    return {
      message: `${JSON.stringify(subject)} does not name ${shared.names} of others would match`,
      remedy: `write it like ${shared.example}`,
    };
  }
  return fixed.length > 0
    ? undefined
    : {
        message: `${JSON.stringify(subject)} begins with a wildcard, so any token of the provider would match`,
        remedy: 'begin it with what only your own tokens say',
      };
}
