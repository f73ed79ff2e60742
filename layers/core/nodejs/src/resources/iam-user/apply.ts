import { Failure, isFailure, unlessGone } from '../../access/failure.ts';
import { sameJson } from '../../access/json.ts';
import type { Iam, Tags } from '../../ports/iam.ts';
import type { Secrets } from '../../ports/secrets.ts';
import type { AccountPorts } from '../../ports/world.ts';
import { CLUSTER_POLICY, changedTags, GRANT_TAG, type InlinePolicies, MANAGED_TAG } from '../managed-principal.ts';
import type { Change } from '../resource.ts';
import { ABSENT_USER, type IamUserState, keysInOrder, NEW_KEY, type PresentUser, SECRET_TAG } from './model.ts';

/** Reads a user: GetUser, and where there is one, its policies, its keys, and the secret that its tag names. */
export async function observeIamUser({ iam, secrets }: AccountPorts, name: string): Promise<IamUserState> {
  const user = await iam.getUser(name);
  if (user === undefined) return ABSENT_USER;
  const policy = await iam.getUserPolicy(name, CLUSTER_POLICY);
  const attached = await unlessGone(iam.listAttachedUserPolicies(name));
  const keys = await unlessGone(iam.listAccessKeys(name));
  if (keys === undefined || attached === undefined) return ABSENT_USER;
  const secretName = user.tags[SECRET_TAG];
  const secret = secretName ? await observeSecret(secrets, secretName) : undefined;
  return {
    present: true,
    userId: user.id,
    arn: user.arn,
    path: user.path,
    policies: policy === undefined ? {} : { [CLUSTER_POLICY]: policy },
    attached: [...attached].sort(),
    ...(user.boundary === undefined ? {} : { boundary: user.boundary }),
    tags: user.tags,
    keys: keysInOrder(keys),
    ...(secret === undefined ? {} : { secret }),
  };
}

async function observeSecret(secrets: Secrets, name: string): Promise<NonNullable<PresentUser['secret']>> {
  const keyId = keyIdIn(await secrets.read(name));
  return keyId === undefined ? { name } : { name, keyId };
}

/** The access key that a secret holds. A value of any other form holds none. */
function keyIdIn(value: string | undefined): string | undefined {
  try {
    const { accessKeyId, secretAccessKey } = JSON.parse(value ?? '{}') as Record<string, unknown>;
    return typeof accessKeyId === 'string' && typeof secretAccessKey === 'string' ? accessKeyId : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes a change of a user. What the user may do comes before the key when it opens; the keys go first when it closes.
 *
 * CreateAccessKey makes another key each time, and its secret is told only once. After a crash between the call and the
 * writing of the secret there is a key that no secret names: the next run deletes it and makes another. So keys are
 * listed, and the secret is read, again before one is made.
 *
 * @throws Failure `conflict` where the user is no longer the one observed.
 */
export async function applyIamUser(ports: AccountPorts, change: Change<IamUserState>): Promise<IamUserState> {
  const { object, before, after } = change;
  if (!after.present) return before.present ? remove(ports, object, before, after.retires ?? []) : ABSENT_USER;
  try {
    return before.present ? await update(ports, object, before, after) : await create(ports, object, after);
  } catch (error) {
    if (!isFailure(error, 'not-found')) throw error;
    throw new Failure('conflict', `the IAM user "${object}" went away while it was changed`, { cause: error });
  }
}

async function create(ports: AccountPorts, name: string, after: PresentUser): Promise<IamUserState> {
  const { path, tags, boundary } = after;
  try {
    const made = await ports.iam.createUser({ name, path, tags, ...(boundary === undefined ? {} : { boundary }) });
    const bare: PresentUser = { ...after, userId: made.id, arn: made.arn, policies: {}, attached: [], keys: [] };
    return update(ports, name, bare, { ...after, userId: made.id, arn: made.arn });
  } catch (error) {
    if (!isFailure(error, 'already-exists')) throw error;
  }
  // By an earlier try of this change, or by somebody else meanwhile.
  const there = await observeIamUser(ports, name);
  if (there.present && there.arn === after.arn && sameJson(there.tags, after.tags)) {
    return update(ports, name, there, { ...after, userId: there.userId });
  }
  throw new Failure('conflict', `an IAM user "${name}" was made by somebody else meanwhile`);
}

async function update(
  ports: AccountPorts,
  name: string,
  before: PresentUser,
  after: PresentUser,
): Promise<IamUserState> {
  const { iam, secrets } = ports;
  const opens = after.keys.some((key) => key.active);
  const closed = opens ? undefined : await closeKeys(iam, name, before, after);
  if (after.boundary !== undefined && after.boundary !== before.boundary) {
    await iam.setUserBoundary(name, after.boundary);
  }
  await putPolicies(iam, name, before.policies, after.policies);
  await attachPolicies(iam, name, before.attached, after.attached);
  for (const secret of after.retires ?? []) await secrets.remove(secret);
  if (!sameJson(before.tags, after.tags)) await iam.tagUser(name, changedTags(before.tags, after.tags));
  const { retires: _retires, replaces: _replaces, ...settled } = after;
  if (closed) return { ...settled, keys: closed, ...(await otherSecret(secrets, before, after)) };
  return { ...settled, ...(await ensureKey(ports, name, before, after)) };
}

/** What a secret holds that no key was put in by this change. */
async function otherSecret(
  secrets: Secrets,
  before: PresentUser,
  after: PresentUser,
): Promise<Pick<PresentUser, 'secret'>> {
  if (after.secret === undefined) return {};
  return {
    secret: after.secret.name === before.secret?.name ? after.secret : await observeSecret(secrets, after.secret.name),
  };
}

async function putPolicies(iam: Iam, name: string, before: InlinePolicies, after: InlinePolicies): Promise<void> {
  if (sameJson(before, after)) return;
  if (after[CLUSTER_POLICY] !== undefined) await iam.putUserPolicy(name, CLUSTER_POLICY, after[CLUSTER_POLICY]);
  else await unlessGone(iam.deleteUserPolicy(name, CLUSTER_POLICY));
}

/** What is attached anew comes before what is detached: nothing that the user may do has a gap. */
async function attachPolicies(
  iam: Iam,
  name: string,
  before: readonly string[],
  after: readonly string[],
): Promise<void> {
  for (const arn of after) {
    if (before.includes(arn)) continue;
    await iam.attachUserPolicy(name, arn).catch((error: unknown) => {
      if (!isFailure(error, 'not-found')) throw error;
      const message = `the IAM user "${name}" waits for the policy ${arn}, which is not there yet`;
      throw new Failure('invalid', message, { cause: error, retryable: true });
    });
  }
  for (const arn of before) {
    if (!after.includes(arn)) await unlessGone(iam.detachUserPolicy(name, arn));
  }
}

/** Deactivates the keys that stay, deletes those that do not. */
async function closeKeys(
  iam: Iam,
  name: string,
  before: PresentUser,
  after: PresentUser,
): Promise<PresentUser['keys']> {
  const stay = new Set(after.keys.map((key) => key.id));
  for (const key of before.keys) {
    if (key.active) await unlessGone(iam.setAccessKeyStatus(name, key.id, false));
  }
  for (const key of before.keys) {
    if (!stay.has(key.id)) await unlessGone(iam.deleteAccessKey(name, key.id));
  }
  return after.keys;
}

/**
 * Sees to it that the user has one key, active, that the secret holds, and beside it only what the change keeps. A key that
 * gives way goes when the new one is in its place: there is always one that works.
 */
async function ensureKey(
  { iam, secrets }: AccountPorts,
  name: string,
  before: PresentUser,
  after: PresentUser,
): Promise<Pick<PresentUser, 'keys' | 'secret'>> {
  const secret = after.secret!;
  if (sameJson(before.keys, after.keys) && sameJson(before.secret, secret)) return { keys: after.keys, secret };
  const named = keyIdIn(await secrets.read(secret.name));
  const keys = await iam.listAccessKeys(name);
  // What the change keeps beside the key of the secret is retired, as is what it replaces: neither is the one to be held.
  const kept = after.keys.filter(({ id }) => id !== secret.keyId && id !== NEW_KEY).map(({ id }) => id);
  const held = keys.find(({ id }) => id === named && id !== after.replaces && !kept.includes(id));
  for (const key of keys) {
    const stays = key === held || kept.includes(key.id) || (key.id === after.replaces && held === undefined);
    if (!stays) await unlessGone(iam.deleteAccessKey(name, key.id));
  }
  if (held && !held.active) await iam.setAccessKeyStatus(name, held.id, true);
  const keyId = held?.id ?? (await makeKey(iam, secrets, name, secret.name, after.tags));
  if (held === undefined && keys.some(({ id }) => id === after.replaces)) {
    await unlessGone(iam.deleteAccessKey(name, after.replaces!));
  }
  const beside = keys.filter(({ id }) => kept.includes(id));
  return { keys: keysInOrder([{ id: keyId, active: true }, ...beside]), secret: { name: secret.name, keyId } };
}

async function makeKey(iam: Iam, secrets: Secrets, user: string, secretName: string, tags: Tags): Promise<string> {
  const key = await iam.createAccessKey(user).catch((error: unknown) => {
    if (!isFailure(error, 'too-large')) throw error;
    // The list was empty a moment ago: it was stale, or somebody makes keys at this very time.
    throw new Failure('conflict', `the IAM user "${user}" has two access keys already`, { cause: error });
  });
  const value = JSON.stringify({ accessKeyId: key.id, secretAccessKey: key.secret.reveal() });
  const own = [MANAGED_TAG, GRANT_TAG].flatMap((tag) => (tags[tag] === undefined ? [] : [[tag, tags[tag]] as const]));
  await secrets.write(secretName, value, Object.fromEntries(own));
  return key.id;
}

/**
 * Keys first, so that nobody gets in any more; then everything that keeps IAM from deleting a user. IAM deletes by name
 * only: so that a user whom somebody else made under the name meanwhile stays, it is read once more.
 */
async function remove(
  { iam, secrets }: AccountPorts,
  name: string,
  before: PresentUser,
  retired: readonly string[],
): Promise<IamUserState> {
  const there = await iam.getUser(name);
  if (there !== undefined && (there.id !== before.userId || there.arn !== before.arn)) {
    throw new Failure('conflict', `the IAM user "${name}" is another one than the one to be deleted`);
  }
  for (const key of before.keys) {
    if (key.active) await unlessGone(iam.setAccessKeyStatus(name, key.id, false));
  }
  for (const key of (await unlessGone(iam.listAccessKeys(name))) ?? []) {
    await unlessGone(iam.deleteAccessKey(name, key.id));
  }
  for (const policy of (await unlessGone(iam.listUserPolicies(name))) ?? []) {
    await unlessGone(iam.deleteUserPolicy(name, policy));
  }
  for (const arn of (await unlessGone(iam.listAttachedUserPolicies(name))) ?? []) {
    await unlessGone(iam.detachUserPolicy(name, arn));
  }
  // Before the user, whose removal ends the work: a crash in between must not leave a secret behind.
  for (const secret of retired) await secrets.remove(secret);
  await deleteUser(iam, name);
  return ABSENT_USER;
}

async function deleteUser(iam: Iam, name: string): Promise<void> {
  try {
    await unlessGone(iam.deleteUser(name));
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    await takeApart(iam, name);
  }
}

/** What Gatehouse never gives a user, but others may have: a console password, groups. */
async function takeApart(iam: Iam, name: string): Promise<void> {
  await unlessGone(iam.deleteLoginProfile(name));
  for (const group of (await unlessGone(iam.listGroupsOf(name))) ?? []) {
    await unlessGone(iam.removeFromGroup(name, group));
  }
  try {
    await unlessGone(iam.deleteUser(name));
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    throw new Failure('conflict', `the IAM user "${name}", now without keys, cannot be deleted yet: ${error.message}`, {
      cause: error,
      remedy: 'remove its MFA devices, SSH keys, certificates and service credentials',
    });
  }
}
