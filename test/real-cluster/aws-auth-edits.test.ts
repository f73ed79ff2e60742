import { isDeepStrictEqual } from 'node:util';
import { type Caller, identify, readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import { awsAuthKind } from '@gatehouse/core/resources/aws-auth/kind';
import { AWS_AUTH_OBJECT, type AwsAuthClaim, type AwsAuthObserved } from '@gatehouse/core/resources/aws-auth/model';
import type { Finding } from '@gatehouse/core/resources/resource';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIXTURES } from '../core/resources/aws-auth/fixtures.ts';
import { type AuthenticatorOracle, type RealAnswer, startAuthenticatorOracle } from './authenticator-oracle.ts';
import type { AwsAuthData } from './aws-auth-documents.ts';
import { exchange, OUR_ARNS, type Turn, turns } from './aws-auth-turns.ts';
import { callerOf, callersNamedIn } from './callers.ts';
import { compare, shown, Tally } from './compare.ts';

let authenticator: AuthenticatorOracle;
beforeAll(async () => {
  authenticator = await startAuthenticatorOracle();
});
afterAll(() => authenticator?.stop());

const tally = new Tally();
/** Turns, and those that changed aws-auth. */
let [seen, changed] = [0, 0];

describe('an edit of aws-auth', () => {
  it('makes of its own principals what it says, and of nobody else anything else, to the real authenticator', async () => {
    await compare({ of: 'turns', cases: turns, runs: 360, difference: differenceAfter }, tally);
    expect(changed).toBeGreaterThan(seen / 2);
  });

  it.each(FIXTURES)('does so for $name', async ({ text }) => {
    expect(await differenceAfter(exchange(text))).toBeUndefined();
  });
});

/** Carries a turn out on the real cluster, by the kind itself, and asks about everybody before and after. */
async function differenceAfter({ data, claims }: Turn): Promise<string | undefined> {
  const ports = { kubernetes: authenticator.operator };
  await authenticator.put(data);
  const observed = await awsAuthKind.observe(ports, AWS_AUTH_OBJECT);
  const { change, findings } = awsAuthKind.diff(AWS_AUTH_OBJECT, observed, claims);
  seen++;
  if (change === undefined) return undefined;
  changed++;

  const after = dataOf(change.after);
  const principals = principalsOf(claims, findings);
  const claimed = new Set(principals.map(({ arn }) => arn));
  const unclaimed = OUR_ARNS.filter((arn) => !claimed.has(arn)).map(callerOf);
  const named = callersNamedIn(JSON.stringify([data, after]));
  const others = [...named, ...unclaimed].filter((caller) => !isChance(caller, data, after));
  const was = await answersTo(others);
  await awsAuthKind.apply(ports, change);
  await authenticator.settle();
  const is = await answersTo([...others, ...principals.map(({ caller }) => caller)]);

  const moved = others.find((caller) => !isDeepStrictEqual(was.get(caller), is.get(caller)));
  const missed = principals.find(({ caller, expected }) => expected && !isDeepStrictEqual(is.get(caller), expected));
  const caller = moved ?? missed?.caller;
  if (caller === undefined) return undefined;
  return shown({ before: data, after, claims, findings, caller, was: was.get(caller), is: is.get(caller), ...missed });
}

function dataOf(state: AwsAuthObserved): AwsAuthData {
  return state.present ? (state.configMap.data ?? {}) : {};
}

/** Two users whose entries differ in case only are each request's choice, and no answer can be compared with another. */
function isChance(caller: Caller, ...documents: readonly AwsAuthData[]): boolean {
  return documents.some((data) => 'ambiguous' in identify(readAwsAuth(data), caller, authenticator.privateDnsName));
}

async function answersTo(callers: readonly Caller[]): Promise<ReadonlyMap<Caller, RealAnswer>> {
  const answers = await Promise.all(callers.map((caller) => authenticator.ask(caller)));
  for (const answer of answers) tally.count('callers', !('denied' in answer));
  return new Map(callers.map((caller, index) => [caller, answers[index]!]));
}

interface Principal {
  readonly arn: string;
  readonly caller: Caller;
  /** What the claim says; undefined where a finding says that it is not so, or that nobody knows. */
  readonly expected: RealAnswer | undefined;
}

/** Whom the turn is about, in both lists: somebody, if one of them wants them. */
function principalsOf(claims: Turn['claims'], findings: readonly Finding[]): readonly Principal[] {
  const arns = new Set([...claims.wanted, ...claims.unwanted].map(({ claim }) => claim.arn));
  return [...arns].map((arn) => {
    const caller = callerOf(arn);
    const about = [...claims.unwanted, ...claims.wanted].filter(({ claim }) => claim.arn === arn);
    const isDoubtful = findings.some(({ subject }) => about.some((owned) => owned.subject === subject));
    const wanted = claims.wanted.find(({ claim }) => claim.arn === arn)?.claim;
    return { arn, caller, expected: isDoubtful ? undefined : becomes(caller, wanted) };
  });
}

function becomes(caller: Caller, claim: AwsAuthClaim | undefined): RealAnswer {
  if (claim === undefined) return { denied: true };
  const sessionName = caller.arn.includes(':assumed-role/') ? caller.arn.split('/').at(-1)! : '';
  const username = claim.username.replaceAll('{{SessionNameRaw}}', sessionName);
  return { username, groups: [], canonicalArn: claim.arn, sessionName };
}
