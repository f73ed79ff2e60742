import { Failure } from '../access/failure.ts';
import type { AccessPolicy, Grantee } from '../access/policy.ts';
import { connectionSubject, identityProviderSubject, type Subject } from '../access/subject.ts';
import { connectionTarget, parseTarget, type Target } from '../access/target.ts';
import { sharedSubjects } from '../access/way.ts';
import { peopleOf } from '../directory/grantee-people.ts';
import { policyInForce } from '../policy/in-force.ts';
import { allClusters, identityProviderOf } from '../policy/selection.ts';
import type { TableReader } from '../ports/table.ts';
import { discoveredClusters } from '../work/clusters.ts';
import { readRecords } from '../work/records.ts';

/**
 * Everybody whom the policy or the records name on a target.
 * @param given The policy that is meant; without: the one in force.
 * @throws Failure `not-found` where there is none.
 */
export async function subjectsOn(reader: TableReader, target: Target, given?: AccessPolicy): Promise<Subject[]> {
  const subjects = new Set<Subject>();
  const policy = given ?? (await inForce(reader)).policy;
  const parts = parseTarget(target);
  if (parts.type === 'cluster' || (parts.type === 'iam' && parts.principal !== 'connection')) {
    for (const grant of policy.grants) {
      for (const subject of sharedSubjects(grant)) subjects.add(subject);
      for (const grantee of grant.to) for (const subject of await allPeopleOf(reader, grantee)) subjects.add(subject);
    }
  }
  for (const { arn, name, connected } of policy.clusters) {
    if (connected && (target === connectionTarget(arn) || target === `cluster/${arn}`))
      subjects.add(connectionSubject(name));
  }
  if (parts.type === 'cluster') {
    const clusters = allClusters(policy, await discoveredClusters(reader)).filter(({ arn }) => arn === parts.arn);
    for (const cluster of clusters) {
      const provider = identityProviderOf(policy, cluster);
      if (provider) subjects.add(identityProviderSubject(provider.name));
    }
  }
  let after: string | undefined;
  do {
    const page = await readRecords(reader, target, after, 500);
    for (const subject of page.records.keys()) subjects.add(subject);
    after = page.next;
  } while (after !== undefined);
  return [...subjects];
}

async function allPeopleOf(reader: TableReader, to: Grantee): Promise<Subject[]> {
  const people: Subject[] = [];
  let after: string | undefined;
  do {
    const page = await peopleOf(reader, to, after);
    people.push(...page.subjects);
    after = page.next;
  } while (after !== undefined);
  return people;
}

/** What holds now. @throws Failure `not-found` before the first document is in force. */
export async function inForce(reader: TableReader) {
  const policy = await policyInForce(reader);
  if (!policy) {
    throw new Failure('not-found', 'no access policy is in force yet', {
      remedy: 'upload one: aws s3 cp access-policy.yaml s3://<policy bucket>/, then activate it',
    });
  }
  return policy;
}
