import { parsePrincipalArn, partitionOf } from '../access/arn.ts';
import { Failure } from '../access/failure.ts';
import { machinesIn } from '../access/grantee.ts';
import type { AccessPolicy } from '../access/policy.ts';
import { machineSubject } from '../access/subject.ts';
import { type Target, userTarget } from '../access/target.ts';
import { wayOf } from '../access/way.ts';
import type { Cause } from '../directory/fact.ts';
import { machineNamed, machineUserArn } from '../plan/principals.ts';
import { clustersOf } from '../policy/selection.ts';
import { accountById, discoveredClusters } from '../work/clusters.ts';
import { secretOf } from '../work/iam-stage.ts';
import { type KeyRotation, keyInSecret, readRotation, writeRotation } from '../work/key-rotation.ts';
import { putMark } from '../work/marks.ts';
import type { TurnPorts } from '../work/turn-ports.ts';
import { wake } from '../work/wake.ts';

/** How long an old key may stay beside the new one, in seconds: seven days. */
export const LONGEST_OVERLAP = 604_800;
/** How long it stays where nobody says: a day. */
export const USUAL_OVERLAP = 86_400;

/** What became of the rotation of one user's key. */
export interface RotatedKey {
  readonly account: string;
  readonly user: string;
  /** Name of the secret that holds the new key as soon as it is made. */
  readonly secret: string;
  /** Id of the key that is replaced. */
  readonly replaces: string;
  /** Until when it works beside the new one, milliseconds UTC. */
  readonly until: number;
  /** `under-way`: it was asked for before, and is not over. `shortened`: so it was, and the old key goes earlier now. */
  readonly state: 'begun' | 'under-way' | 'shortened';
}

/**
 * Has a machine's access keys replaced, one in each account in which it has a user. IAM allows two keys a user, the new one
 * and the one before it: while that is kept, asking again begins nothing, and can only have it go earlier. `dryRun`: tells what
 * would become of them, and has nothing done.
 *
 * @throws Failure `not-found` where the machine has no user by the policy in force, or no key yet.
 */
export async function rotateKeys(
  ports: TurnPorts,
  policy: AccessPolicy,
  {
    machine,
    overlapSeconds,
    dryRun = false,
  }: { readonly machine: string; readonly overlapSeconds: number; readonly dryRun?: boolean | undefined },
  cause: Cause,
): Promise<RotatedKey[]> {
  const users = await usersOf(ports, policy, machine);
  const subject = machineSubject(machine);
  const until = ports.clock.now() + overlapSeconds * 1000;
  const rotated: RotatedKey[] = [];
  for (const { account, user, target } of users) {
    const before = await readRotation(ports.table, target);
    const { iam } = await ports.world.account(await accountById(ports.table, policy, account));
    const keys = (await iam.getUser(user)) ? (await iam.listAccessKeys(user)).map(({ id }) => id) : [];
    const isUnderWay = before !== undefined && keys.includes(before.keyId);
    const replaces = isUnderWay ? before.keyId : await keyToReplace(ports, target, user, keys);
    const rotation: KeyRotation = {
      subject,
      keyId: replaces,
      until: isUnderWay ? Math.min(before.until, until) : until,
    };
    const state = isUnderWay ? (rotation.until < before.until ? 'shortened' : 'under-way') : 'begun';
    rotated.push({ account, user, secret: secretOf(account, user), replaces, until: rotation.until, state });
    if (dryRun) continue;
    if (state !== 'under-way') await writeRotation(ports.table, target, before, rotation);
    await putMark(ports, { target, subject, urgency: 'grant', cause });
  }
  if (dryRun) return rotated;
  await wake(
    ports,
    users.map(({ target }) => target),
  );
  return rotated;
}

/** The users that the policy in force gives a machine, each in its account. */
async function usersOf(
  ports: TurnPorts,
  policy: AccessPolicy,
  machine: string,
): Promise<{ account: string; user: string; target: Target }[]> {
  const users = new Map<string, { account: string; user: string; target: Target }>();
  const discovered = await discoveredClusters(ports.table);
  for (const grant of policy.grants) {
    if (wayOf(grant) !== 'own-user' || !machinesIn(grant).includes(machine)) continue;
    for (const { account, region } of clustersOf(policy, grant, discovered)) {
      const arn = machineUserArn(machineNamed(policy, machine), account, partitionOf(region));
      const user = parsePrincipalArn(arn).name;
      users.set(account, { account, user, target: userTarget(account, user) });
    }
  }
  if (users.size > 0) return [...users.values()];
  throw new Failure('not-found', `the policy in force gives no machine "${machine}" an IAM user`, {
    remedy: 'name a machine of a grant through: user; one that comes through: role has no key to rotate',
  });
}

/** The key that is to go: the only one, or the one that the secret holds. */
async function keyToReplace(ports: TurnPorts, target: Target, user: string, keys: readonly string[]): Promise<string> {
  if (keys.length === 0) {
    throw new Failure('not-found', `the IAM user "${user}" has no access key yet`, {
      remedy: 'see what it waits for: gatehouse status',
    });
  }
  const [only, another] = keys;
  if (another === undefined) return only!;
  const held = await keyInSecret(ports.table, target, user);
  if (held !== undefined && keys.includes(held)) return held;
  throw new Failure(
    'conflict',
    `the IAM user "${user}" has two access keys, as many as AWS allows: ${keys.join(', ')}`,
    {
      remedy: `one of them is none of Gatehouse's; have the user looked at, which deletes it: gatehouse reconcile ${target}`,
    },
  );
}
