import type { Grant } from '@gatehouse/core/access/policy';
import type { Subject } from '@gatehouse/core/access/subject';
import { placedClaim } from '@gatehouse/core/plan/bindings';
import { desiredForGrant, desiredForMember, type MemberFacts } from '@gatehouse/core/plan/desired';
import { clusterGuards } from '@gatehouse/core/plan/guards';
import { type PlanInput, planTurn } from '@gatehouse/core/plan/plan';
import { objectId, type TurnClaims } from '@gatehouse/core/plan/turn-claims';
import { CLUSTER_KINDS } from '@gatehouse/core/resources/kinds';
import type { OwnedClaim } from '@gatehouse/core/resources/resource';
import { MAX_SUBJECTS } from '@gatehouse/core/resources/role-binding/model';
import { ACCOUNT, aCluster, aGrant, aPolicy } from '../builders/policy.ts';
import type { Effort, Figures, Measurement } from './figures.ts';
import { cpuMilliseconds, fastestMilliseconds, rounded } from './statistics.ts';

/** Half of the principals come by a shared role, the others each as an IAM user with an entry of their own in aws-auth. */
const ROLE = aGrant({ name: 'operators', to: [{ group: 'operators', source: 'okta' }], through: 'role' });
const USER = aGrant({ name: 'readers', to: [{ group: 'readers', source: 'okta' }], through: 'user' });
const POLICY = aPolicy({ grants: [ROLE, USER] });
const SIZES = [1_000, 10_000];
const MOST = 13;

/** What is planned, of all principals of a cluster. */
export const CASES = ['everybody joins', 'nothing changes', 'one in a hundred leaves', 'everybody leaves'] as const;
type Case = (typeof CASES)[number];

/** Planning with all guards, pure: from claims and what was observed to the plan. */
export const planTime: Measurement = {
  name: 'plan',
  async measure({ quick, tell }: Effort): Promise<Figures> {
    const times = new Map<Case, number[]>(CASES.map((one) => [one, []]));
    for (const one of CASES) {
      tell(one);
      const inputs = SIZES.map((size) => planning(one, size));
      const works = inputs.map((input) => () => void planTurn(input));
      times.set(one, fastestMilliseconds(quick ? 2 : 25, works, cpuMilliseconds));
    }
    const ratio = ([small, large]: readonly number[]) => rounded(large! / small!);
    return {
      name: 'plan',
      title: 'Plan time',
      columns: ['planned', ...SIZES.map((size) => `${size.toLocaleString('en')} principals, ms`), 'times'],
      rows: [...times].map(([one, measured]) => [one, ...measured.map(rounded), ratio(measured)]),
      targets: [...times].map(([one, measured]) => ({
        what: `10,000 principals against 1,000: ${one}`,
        atMost: MOST,
        measured: ratio(measured),
        unit: 'times',
      })),
      plots: [
        {
          file: 'plan-time',
          title: 'Planning everything on a cluster',
          kind: 'bars',
          x: 'what is planned',
          y: 'CPU time, ms',
          labels: [...CASES],
          series: SIZES.map((size, index) => ({
            name: `${size.toLocaleString('en')} principals`,
            values: CASES.map((one) => rounded(times.get(one)![index]!)),
          })),
        },
      ],
    };
  },
};

/** What `planTurn` is given for one case. */
export function planning(one: Case, size: number): PlanInput {
  const everybody = claimsOf(size, () => true);
  const shared = [ROLE, USER].flatMap((grant) => desiredForGrant(grant, aCluster()).claims);
  const here = [...shared, ...everybody];
  const input = (claims: TurnClaims, observed: ReadonlyMap<string, unknown>): PlanInput => ({
    kinds: CLUSTER_KINDS,
    claims,
    observed,
    guards: clusterGuards(POLICY),
  });
  const empty = observedAfter(here, new Map());
  if (one === 'everybody joins') return input({ wanted: here, recorded: [] }, empty);
  const plan = planTurn(input({ wanted: here, recorded: [] }, empty));
  const there = observedAfter(here, new Map(plan.changes.map(({ change }) => [objectId(change), change.after])));
  const left = one === 'one in a hundred leaves' ? claimsOf(size, (index) => index % 100 !== 0) : everybody;
  const wanted = one === 'everybody leaves' ? [] : [...shared, ...left];
  return input({ wanted, recorded: here }, there);
}

/** What is observed of every object of the claims: nothing, but where `after` says what. */
function observedAfter(claims: readonly OwnedClaim[], after: ReadonlyMap<string, unknown>): Map<string, unknown> {
  return new Map(claims.map(({ claim }) => [objectId(claim), after.get(objectId(claim)) ?? { present: false }]));
}

/** What the members of both grants claim, those who are chosen. */
function claimsOf(size: number, isChosen: (index: number) => boolean): OwnedClaim[] {
  return Array.from({ length: size }, (_, index) => index).flatMap((index) => {
    const grant = index % 2 === 0 ? ROLE : USER;
    return isChosen(index) ? memberClaims(grant, index) : [];
  });
}

function memberClaims(grant: Grant, index: number): OwnedClaim[] {
  const subject: Subject = `user/okta/00u${index}`;
  const member: MemberFacts = {
    subject,
    grants: new Set([grant.name]),
    principal: { arn: `arn:aws:iam::${ACCOUNT}:user/person-${index}` },
    session: 'waiting',
  };
  const { claims, bindings } = desiredForMember(POLICY, member, [grant], () => 'user-name');
  return [...claims, ...bindings.map((wish) => placedClaim(wish, Math.floor(index / 2 / MAX_SUBJECTS)))];
}
