import type { AccountPorts } from '@gatehouse/core/ports/world';
import type { Claim, Diff, Kind, ObjectClaims, OwnedClaim } from '@gatehouse/core/resources/resource';
import { FAKE_ACCOUNT, memoryIam } from '../../fakes/iam.ts';
import { memorySecrets } from '../../fakes/secrets.ts';

/** The permissions boundary of {@link memoryAccount}. */
export const BOUNDARY = `arn:aws:iam::${FAKE_ACCOUNT}:policy/gatehouse/boundary`;

/** An account in memory, whose state outlives the processes that work on it. */
export function memoryAccount() {
  const iam = memoryIam();
  iam.state.managedPolicies.set(BOUNDARY, {});
  const secrets = memorySecrets();
  return { iam, secrets, ports: { iam, secrets } satisfies AccountPorts };
}

/** The claims of a turn; what is not given is empty. */
export const claimsOf = <C extends Claim>(parts: Partial<ObjectClaims<C>>): ObjectClaims<C> => ({
  wanted: [],
  unwanted: [],
  recorded: [],
  ...parts,
});

/** A turn that wants this one claim, recorded before if `recorded`. */
export function wanting<C extends Claim>(owned: OwnedClaim<C>, recorded = false): ObjectClaims<C> {
  return claimsOf({ wanted: [owned], recorded: recorded ? [owned] : [] });
}

/** One turn on one object: observe, diff, apply. Answers the diff and what `apply` answered. */
export async function turn<C extends Claim, O>(
  kind: Kind<C, O, AccountPorts>,
  ports: AccountPorts,
  object: string,
  claims: ObjectClaims<C>,
): Promise<Diff<O> & { readonly answer?: O }> {
  const diff = kind.diff(object, await kind.observe(ports, object), claims);
  return diff.change ? { ...diff, answer: await kind.apply(ports, diff.change) } : diff;
}

/** What a crashed process ends in. No Failure: nothing may catch it. */
export class Crash extends Error {}

/** Ports of a process that dies at its n-th call (from 1): before the call reaches AWS, or after, unheard. */
export function dying(ports: AccountPorts, at: number, when: 'before' | 'after') {
  const died = { calls: 0 };
  const wrap = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, member) {
        const method = Reflect.get(target, member) as unknown;
        if (typeof method !== 'function') return method;
        return async (...input: unknown[]) => {
          died.calls += 1;
          if (died.calls > at || (died.calls === at && when === 'before')) throw new Crash();
          const answer: unknown = await method.apply(target, input);
          if (died.calls === at) throw new Crash();
          return answer;
        };
      },
    });
  return { ports: { iam: wrap(ports.iam), secrets: wrap(ports.secrets) } satisfies AccountPorts, died };
}

/** Turns until nothing is left to do, as the pipeline repeats them. @throws Error where that never comes. */
export async function settle<C extends Claim, O>(
  kind: Kind<C, O, AccountPorts>,
  ports: AccountPorts,
  object: string,
  claims: ObjectClaims<C>,
): Promise<number> {
  for (let turns = 0; turns < 5; turns += 1) {
    const { change } = await turn(kind, ports, object, claims);
    if (!change) return turns;
  }
  throw new Error(`${object} does not settle`);
}
