import { granteeText } from '../access/grantee.ts';
import type { Grant } from '../access/policy.ts';
import type { AccessQuestion } from '../ports/kubernetes.ts';
import { answerOf, type Holding, type KnownRoles } from '../verify/rule-match.ts';

/** What is asked, whoever asks. */
export type Asked = Omit<AccessQuestion, 'user' | 'groups'>;

/** What a denial is explained by. */
export interface Denied {
  readonly asked: Asked;
  /** All grants of the policy on the cluster, and which of them are theirs. */
  readonly grants: readonly Grant[];
  readonly theirs: ReadonlySet<string>;
  readonly known: KnownRoles;
}

/** At most so many grants are named: the nearest come first. */
const MOST_NAMED = 5;

/** Why the policy does not allow something, and what in it would: a sentence each. Empty where the policy does allow it. */
export function whyNot({ asked, grants, theirs, known }: Denied): readonly string[] {
  const gives = (grant: Grant, question: Asked = asked) =>
    partsOf(grant).some((part) => answerOf(part, { user: '', groups: [], ...question }, known) === 'allowed');
  const own = grants.filter(({ name }) => theirs.has(name));
  if (own.some((grant) => gives(grant))) return [];
  const sentences: string[] = [];
  const what = askedText(asked);
  if (own.length === 0) sentences.push('no grant of the policy is for them on this cluster');
  for (const grant of own) {
    const elsewhere = grant.namespaces.filter((namespace) => gives(grant, { ...asked, namespace }));
    const { name, level, namespaces } = grant;
    const reach = namespaces.length === 0 ? 'the whole cluster' : namespaces.join(', ');
    sentences.push(
      elsewhere.length > 0
        ? `the grant ${name} gives it in ${elsewhere.join(', ')} alone`
        : `the grant ${name} (level ${level.name}, ${reach}) does not give it`,
    );
  }
  const others = grants.filter((grant) => !theirs.has(grant.name) && gives(grant)).slice(0, MOST_NAMED);
  sentences.push(
    others.length === 0
      ? `no grant of the policy lets anybody ${what} on this cluster`
      : `it takes one of: ${others.map(({ name, to }) => `${name} (for ${to.map(granteeText).join(', ')})`).join('; ')}`,
  );
  return sentences;
}

/** What a grant gives, where it gives it: its level, and what of it is for the whole cluster. */
function partsOf({ name, level, namespaces }: Grant): readonly Holding[] {
  const { clusterWide, ...main } = level;
  const because = `grant ${name}`;
  const wide = clusterWide ? [{ level: { name: level.name, rules: clusterWide }, namespaces: [], because }] : [];
  return [{ level: main, namespaces, because }, ...wide];
}

/** `list secrets in pay`, `delete the deployment.apps web in the whole cluster`. */
export function askedText({ verb, group, resource, subresource, namespace, name }: Asked): string {
  const type = `${resource}${group === '' ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
  const what = name === undefined ? type : `${type} "${name}"`;
  return `${verb} ${what} ${namespace === undefined ? 'in the whole cluster' : `in ${namespace}`}`;
}
