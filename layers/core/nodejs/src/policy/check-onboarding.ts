import { checkGrantee } from './check-grants.ts';
import { checkTrust } from './check-machines.ts';
import { checkName, checkSource, type Report } from './checking.ts';
import type { Path } from './document.ts';
import { READY_LEVELS } from './ready-levels.ts';
import type { LevelDocument, OnboardingRulesDocument, PolicyDocument, TrustDocument } from './schema.ts';

/** The level of environments where none is named. */
export const ENVIRONMENT_LEVEL = 'cluster-admin';
/** The level of applications where none is named. */
export const APPLICATION_LEVEL = 'namespace-admin';

/** Everything that is wrong with the onboarding of a document. */
export function checkOnboarding(document: PolicyDocument, report: Report): void {
  const { environments, applications } = document.onboarding ?? {};
  if (environments) {
    const path: Path = ['onboarding', 'environments'];
    checkRules(document, environments, path, report);
    checkLevel(document, environments.level ?? ENVIRONMENT_LEVEL, path, report);
    checkTemplate(environments.trust, ['environment'], [...path, 'trust'], report);
    environments.adopt?.forEach((arn, index) => {
      if (environments.accounts.some((account) => arn.includes(`::${account}:`))) return;
      const remedy = 'name roles of the accounts under environments.accounts: a role is of its cluster’s account';
      report([...path, 'adopt', index], `${arn} is of an account whose clusters cannot join`, remedy);
    });
  }
  if (!applications) return;
  const path: Path = ['onboarding', 'applications'];
  checkRules(document, applications, path, report);
  const level = checkLevel(document, applications.level ?? APPLICATION_LEVEL, path, report);
  if (level?.rules?.some((rule) => rule.nonResourceURLs)) {
    const message = `the level "${applications.level}" has nonResourceURLs, which cannot be given in a namespace`;
    report([...path, 'level'], message, 'use a level without them');
  }
  checkTemplate(applications.trust, ['environment', 'namespace'], [...path, 'trust'], report);
  if (applications.groupsOf !== undefined) checkSource(applications.groupsOf, [...path, 'groupsOf'], report);
}

function checkLevel(document: PolicyDocument, name: string, path: Path, report: Report): LevelDocument | undefined {
  const levels: Readonly<Record<string, unknown>> = { ...READY_LEVELS, ...document.levels };
  return checkName(name, Object.keys(levels), 'level', [...path, 'level'], report)
    ? (levels[name] as LevelDocument)
    : undefined;
}

function checkRules(document: PolicyDocument, rules: OnboardingRulesDocument, path: Path, report: Report): void {
  const { trust, adopt, people } = rules;
  if (!trust && !adopt && !people && !('groupsOf' in rules && rules.groupsOf)) {
    report(path, 'nobody would come in by what is onboarded', 'add trust, adopt or people');
  }
  checkTrust(trust, [...path, 'trust'], report);
  people?.forEach((grantee, index) => {
    const at: Path = [...path, 'people', index];
    checkGrantee(document, grantee, at, report);
    if (grantee.group === undefined && grantee.user === undefined) {
      report(at, 'people are groups and users', 'write { group: ..., source: ... }; machines go under trust');
    }
  });
}

/** Two placeholders, or one and a wildcard, with nothing between them that no name has: `a` and `b-c` would be `a-b` and `c`. */
const RUNS_TOGETHER = /\{\w+\}[a-z0-9-]*(\{\w+\}|[*?])|[*?][a-z0-9-]*\{\w+\}/;

/**
 * Names stand in for placeholders; what is no placeholder would stay as it is, and let in nobody. Filled in, each must still be
 * told from what stands beside it, or the role of one would trust what is meant for another.
 */
function checkTemplate(trust: TrustDocument | undefined, known: readonly string[], path: Path, report: Report): void {
  const text = JSON.stringify(trust ?? {});
  const [together] = RUNS_TOGETHER.exec(text) ?? [];
  if (together !== undefined) {
    const message = `"${together}" would be the same, or match, for different names`;
    report(path, message, 'part placeholders and wildcards by what no name holds, like / : or _');
  }
  for (const [, name] of text.matchAll(/\{([a-zA-Z_]*)\}/g)) {
    if (name === undefined || name === '' || known.includes(name)) continue;
    report(path, `there is no placeholder {${name}} here`, `use ${known.map((one) => `{${one}}`).join(' or ')}`);
  }
}
