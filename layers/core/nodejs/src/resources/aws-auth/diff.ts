import { Failure } from '../../access/failure.ts';
import { RESERVED_PREFIXES, USERNAME_PREFIX } from '../../access/names.ts';
import type { KubernetesObject } from '../../ports/kubernetes.ts';
import type { Change, ChangeLine, Diff, Finding, ObjectClaims, OwnedClaim } from '../resource.ts';
import { editList, type ListEdit, says } from './edit.ts';
import { type GivenUsernames, givenKey, textOf } from './entry.ts';
import { type ListDocument, type ListEntry, type Refusal, readList } from './list.ts';
import {
  AWS_AUTH_LISTS,
  AWS_AUTH_OBJECT,
  AWS_AUTH_REF,
  type AwsAuthClaim,
  type AwsAuthList,
  type AwsAuthObserved,
  folded,
} from './model.ts';
import { readSyntax } from './syntax.ts';

/** The API server refuses a ConfigMap over 1 MiB; additions stop well before it, removals never do. */
const LARGEST_DATA_BYTES = 900 * 1024;

type Owned = OwnedClaim<AwsAuthClaim>;
type Lists = ReadonlyMap<AwsAuthList, ListDocument | Refusal>;

/** What is there, and whose it is, looked up by principal. */
interface Situation {
  readonly lists: Lists;
  /** By folded ARN, in both lists. */
  readonly entries: ReadonlyMap<string, readonly Place[]>;
  /** List and ARN of every recorded claim of the turn: see `keyOf`. */
  readonly owned: ReadonlySet<string>;
  readonly claims: ObjectClaims<AwsAuthClaim>;
  /** Folded ARNs that are wanted. */
  readonly wanted: ReadonlySet<string>;
  /** Accounts that `mapAccounts` admits; where we cannot read it, the cluster may nevertheless. */
  readonly accounts: ReadonlySet<string> | 'unread';
}

interface Place {
  readonly list: AwsAuthList;
  readonly entry: ListEntry;
}

/** All that the turn says of one principal in one list. */
interface PrincipalClaims {
  readonly list: AwsAuthList;
  readonly arn: string;
  readonly wanted: readonly Owned[];
  readonly unwanted: readonly Owned[];
}

/** What is decided for one principal in one list: an edit, or why there is none. */
interface Decision extends PrincipalClaims {
  /** Gatehouse's entries for the principal in this list, and everybody else's in both, before the edit. */
  readonly ours: readonly ListEntry[];
  readonly foreign: readonly Place[];
  readonly edit?: ListEdit;
}

/**
 * What must change in aws-auth. An entry is Gatehouse's if a claim of the turn names its list and ARN, and its username begins
 * with `gatehouse:` or is the one that the claim gives; every other entry is foreign and stays, byte for byte.
 *
 * | wanted | there                                   | so                                             |
 * |--------|-----------------------------------------|------------------------------------------------|
 * | yes    | ours, as wanted                         | nothing                                        |
 * | yes    | ours, different, or more than once      | the last one is replaced in place, others go   |
 * | yes    | nothing                                 | added                                          |
 * | yes    | a foreign entry for the ARN, in any list | finding `foreign-entry`, nothing is added      |
 * | yes    | another principal of the given username | finding `username-taken`, nothing is added     |
 * | no     | ours                                    | every one is removed                           |
 * | no     | a foreign entry (too)                   | ours removed, finding `still-admitted`         |
 *
 * A list that does not parse is never written: finding `does-not-parse`.
 *
 * @throws Failure `invalid` where a claim is not Gatehouse's to make: a username that is reserved.
 */
export function diff(
  object: string,
  observed: AwsAuthObserved,
  claims: ObjectClaims<AwsAuthClaim>,
): Diff<AwsAuthObserved> {
  for (const { claim } of claims.wanted) refuseReserved(claim);
  const data = observed.present ? (observed.configMap.data ?? {}) : {};
  const situation = situationOf(data, claims);
  const { lists } = situation;
  const findings: Finding[] = [];
  const decisions = grouped(claims).map((group) => decide(group, situation, findings));
  for (const decision of decisions) findings.push(...stillAdmitted(decision, situation));

  const next = new Map<AwsAuthList, string>();
  const done: Decision[] = [];
  for (const list of AWS_AUTH_LISTS) {
    const here = decisions.filter((decision) => decision.list === list);
    const document = lists.get(list)!;
    if ('refused' in document) {
      findings.push(...doesNotParse(list, document, decisions));
      continue;
    }
    const room = LARGEST_DATA_BYTES - bytesOf(data, next, list);
    const written = writeList(document, here, room);
    findings.push(...written.findings);
    done.push(...written.done);
    if (written.text !== document.text) next.set(list, written.text);
  }
  if (next.size === 0) return { findings };
  return { change: changeOf(object, observed, next, linesOf(done)), findings };
}

function situationOf(data: Readonly<Record<string, string>>, claims: ObjectClaims<AwsAuthClaim>): Situation {
  const given = givenIn(claims);
  const lists: Lists = new Map(AWS_AUTH_LISTS.map((list) => [list, readList(list, ownValue(data, list), given)]));
  const entries = new Map<string, Place[]>();
  for (const [list, document] of lists) {
    for (const entry of 'refused' in document ? [] : document.entries) {
      for (const [at, arn] of entry.arns.entries()) {
        if (entry.arns.indexOf(arn) < at) continue;
        const places = entries.get(arn);
        if (places) places.push({ list, entry });
        else entries.set(arn, [{ list, entry }]);
      }
    }
  }
  return {
    lists,
    entries,
    owned: new Set([...claims.recorded, ...claims.unwanted].map(({ claim }) => keyOf(claim))),
    claims,
    wanted: new Set(claims.wanted.map(({ claim }) => folded(claim.arn))),
    accounts: accountsAdmitted(ownValue(data, 'mapAccounts')),
  };
}

function refuseReserved({ username, arn, list }: AwsAuthClaim): void {
  const isReserved = RESERVED_PREFIXES.some((prefix) => username.startsWith(prefix)) || username.includes('{{');
  if (isOwnName(username) || !isReserved) return;
  throw new Failure('invalid', `the claim on ${arn} in ${list} has the username "${username}", which is reserved`);
}

const isOwnName = (username: string): boolean => username.startsWith(USERNAME_PREFIX);

function givenIn({ wanted, unwanted, recorded }: ObjectClaims<AwsAuthClaim>): GivenUsernames {
  const given = [...wanted, ...unwanted, ...recorded].filter(({ claim }) => !isOwnName(claim.username));
  return new Set(given.map(({ claim }) => givenKey(claim.arn, claim.username)));
}

/** An own member of a plain object; never what it inherits. */
function ownValue(data: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(data, key) ? data[key] : undefined;
}

const keyOf = (claim: AwsAuthClaim): string => `${claim.list} ${folded(claim.arn)}`;

function grouped(claims: ObjectClaims<AwsAuthClaim>): readonly PrincipalClaims[] {
  const groups = new Map<string, { list: AwsAuthList; arn: string; wanted: Owned[]; unwanted: Owned[] }>();
  for (const side of ['wanted', 'unwanted'] as const) {
    for (const owned of claims[side]) {
      const { list, arn } = owned.claim;
      const key = keyOf(owned.claim);
      const group = groups.get(key) ?? { list, arn, wanted: [], unwanted: [] };
      groups.set(key, group);
      group[side].push(owned);
    }
  }
  return [...groups.values()];
}

function decide(group: PrincipalClaims, situation: Situation, findings: Finding[]): Decision {
  const { arn } = group;
  const { ours, foreign } = entriesOf(group, situation);
  const removal: Decision = { ...group, ours, foreign, edit: { arn } };
  if (group.wanted.length === 0) return removal;
  const chosen = chooseUsername(group, situation, findings);
  for (const { subject } of foreign.length === 0 ? [] : group.wanted) {
    findings.push(
      finding('foreign-entry', 'blocks', subject, {
        message: `${arn} is mapped in aws-auth already, by an entry that is not Gatehouse’s: ${places(foreign)}`,
        remedy:
          'remove that entry, or take the principal out of the access policy; Gatehouse never takes an entry over',
      }),
    );
  }
  const isTaken = chosen !== undefined && isTakenFrom(chosen, group, ours.length > 0, situation, findings);
  const mayWrite = (foreign.length === 0 && !isTaken) || ours.length > 0;
  if (chosen !== undefined && mayWrite) return { ...group, ours, foreign, edit: { arn, username: chosen } };
  return group.unwanted.length > 0 ? removal : { ...group, ours, foreign };
}

/**
 * A username that the policy gives has no prefix to keep strangers from it: whoever else aws-auth maps to it, or lets choose it
 * as the name of a session, would have what is bound to it. Where ours stands already, it stays, and is told.
 */
function isTakenFrom(
  username: string,
  { arn, wanted }: PrincipalClaims,
  stands: boolean,
  { lists }: Situation,
  findings: Finding[],
): boolean {
  if (isOwnName(username)) return false;
  const others = [...lists].flatMap(([list, document]) =>
    ('refused' in document ? [] : document.entries)
      .filter(({ arns }) => arns.some((one) => one !== folded(arn)))
      .filter(({ usernames }) => usernames.some((one) => couldBe(one, username)))
      .map((entry) => ({ list, entry })),
  );
  if (others.length === 0) return false;
  for (const { subject } of wanted) {
    findings.push(
      finding('username-taken', stands ? 'notice' : 'blocks', subject, {
        message: `the username "${username}" is another principal's in aws-auth, or may be: ${places(others)}`,
        remedy: 'give the machine another username under machines in the access policy, or remove that entry',
      }),
    );
  }
  return true;
}

/** Whether a mapping's username is this one, whatever its templates are filled with: session names, host names, account ids. */
function couldBe(mapped: string, username: string): boolean {
  if (!mapped.includes('{{')) return mapped === username;
  const pattern = mapped
    .split(/\{\{\w+\}\}/)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('[\\w+=,.@-]+');
  return new RegExp(`^${pattern}$`, 's').test(username);
}

/** One principal is one user: where claims disagree, what is recorded stays, and nothing new is made. */
function chooseUsername(group: PrincipalClaims, { claims }: Situation, findings: Finding[]): string | undefined {
  const first = group.wanted[0]!.claim.username;
  if (group.wanted.every(({ claim }) => claim.username === first)) return first;
  const usernames = new Set(group.wanted.map(({ claim }) => claim.username));
  const recorded = new Set(
    claims.recorded
      .filter(({ claim }) => keyOf(claim) === keyOf(group.wanted[0]!.claim) && usernames.has(claim.username))
      .map(({ claim }) => claim.username),
  );
  const chosen = recorded.size === 1 ? [...recorded][0] : undefined;
  for (const { subject, claim } of group.wanted.filter(({ claim }) => claim.username !== chosen)) {
    findings.push(
      finding('conflicting-claims', 'blocks', subject, {
        message: `${claim.arn} cannot be ${claim.username} in aws-auth, because the access policy makes it ${[...usernames].filter((name) => name !== claim.username).join(' and ')} too`,
        remedy: 'let one grant use this principal, or give each a role of its own',
      }),
    );
  }
  return chosen;
}

/** Of the entries for a principal, those of Gatehouse's in the list of the claims, and those in any list that are not. */
function entriesOf(
  { list, arn }: PrincipalClaims,
  { entries, owned }: Situation,
): { readonly ours: readonly ListEntry[]; readonly foreign: readonly Place[] } {
  const key = folded(arn);
  const ours: ListEntry[] = [];
  const foreign: Place[] = [];
  for (const place of entries.get(key) ?? []) {
    if (!place.entry.marked || !owned.has(`${place.list} ${key}`)) foreign.push(place);
    else if (place.list === list) ours.push(place.entry);
  }
  return { ours, foreign };
}

function stillAdmitted(decision: Decision, situation: Situation): readonly Finding[] {
  const reason = decision.unwanted.length === 0 ? undefined : otherDoor(decision, situation);
  if (reason === undefined) return [];
  return decision.unwanted.map(({ subject }) =>
    finding('still-admitted', 'notice', subject, {
      message: `${decision.arn} is still admitted to the cluster ${reason}`,
      remedy: 'remove it with: kubectl -n kube-system edit configmap aws-auth',
    }),
  );
}

/** What lets a principal in beside entries of ours, in words; undefined where nothing does. */
function otherDoor({ arn, foreign }: Decision, situation: Situation): string | undefined {
  if (foreign.length > 0) return `by an entry that is not Gatehouse’s: ${places(foreign)}`;
  if (situation.wanted.has(folded(arn))) return undefined;
  if (situation.accounts === 'unread') return 'if the cluster can read mapAccounts, which Gatehouse cannot';
  const account = arn.split(':')[4] ?? '';
  return situation.accounts.has(account) ? `by mapAccounts, which admits all of account ${account}` : undefined;
}

function accountsAdmitted(text: string | undefined): Situation['accounts'] {
  const syntax = readSyntax(text ?? '');
  if ('reason' in syntax) return 'unread';
  if (syntax.root?.kind !== 'sequence') return new Set();
  return new Set(syntax.root.items.map((item) => textOf(item) ?? ''));
}

function places(found: readonly Place[]): string {
  return found
    .map(({ list, entry }) => `${list} line ${entry.line} (username ${JSON.stringify(entry.usernames.at(-1) ?? '')})`)
    .join(', ');
}

/**
 * A list that we do not read may be one that the cluster reads nevertheless: what it says of a principal comes before what
 * mapUsers says, and counts on where an entry of the other list is removed.
 */
function doesNotParse(list: AwsAuthList, refusal: Refusal, decisions: readonly Decision[]): readonly Finding[] {
  const where = refusal.line === undefined ? '' : ` in line ${refusal.line}`;
  const unread = `${list} in aws-auth does not parse${where} (${refusal.reason})`;
  const remedy = `mend it${where} with: kubectl -n kube-system edit configmap aws-auth; Gatehouse never writes a list it cannot read`;
  const ignored = { message: `${unread}, and a cluster ignores such a list as a whole`, remedy };
  const here = decisions.filter((decision) => decision.list === list).flatMap(claimants);
  const blocked = here.map(({ subject }) => finding('does-not-parse', 'blocks', subject, ignored));
  const elsewhere = decisions
    .filter((decision) => decision.list !== list)
    .flatMap((decision) => (list === 'mapRoles' ? claimants(decision) : decision.unwanted));
  const doubtful = elsewhere.map(({ subject, claim }) =>
    finding('does-not-parse', 'notice', subject, {
      message: `${unread}, so that nobody knows whether it maps ${claim.arn}, too`,
      remedy,
    }),
  );
  const told = [...blocked, ...doubtful];
  return told.length > 0 ? told : [finding('does-not-parse', 'notice', undefined, ignored)];
}

function claimants({ wanted, unwanted }: PrincipalClaims): readonly Owned[] {
  return [...wanted, ...unwanted];
}

interface Written {
  readonly text: string;
  readonly done: readonly Decision[];
  readonly findings: readonly Finding[];
}

/** Edits one list, removals first, as much of it as can be done. */
function writeList(document: ListDocument, decisions: readonly Decision[], room: number): Written {
  const byUrgency = [
    ...decisions.filter(({ edit }) => edit !== undefined && edit.username === undefined),
    ...decisions.filter(({ edit }) => edit?.username !== undefined),
  ];
  const all = writeAll(document, byUrgency);
  if (bytes(all.text) <= Math.max(room, bytes(document.text))) return all;
  const adds = ({ ours, edit }: Decision) => edit?.username !== undefined && ours.length === 0;
  const smaller = writeAll(
    document,
    byUrgency.filter((decision) => !adds(decision)),
  );
  const findings = byUrgency.filter(adds).flatMap(({ arn, wanted }) =>
    wanted.map(({ subject }) =>
      finding('too-large', 'blocks', subject, {
        message: `${arn} was not added to ${document.list}, because aws-auth would grow over 900 KiB of the 1 MiB that a ConfigMap holds`,
        remedy: 'remove entries that are no longer needed, or move the cluster to EKS access entries',
      }),
    ),
  );
  return { ...smaller, findings: [...smaller.findings, ...findings] };
}

/** One edit that cannot be made must not stop the others: where all together fail, each half is tried. */
function writeAll(document: ListDocument, decisions: readonly Decision[]): Written {
  const edits = decisions.map(({ edit }) => edit!);
  const text = editList(document, edits);
  if (typeof text === 'string') return { text, done: decisions, findings: [] };
  if (decisions.length === 1)
    return { text: document.text, done: [], findings: refusedFindings(document, decisions[0]!, text) };
  const half = Math.ceil(decisions.length / 2);
  const first = writeAll(document, decisions.slice(0, half));
  const reread = readList(document.list, first.text, document.given);
  if ('refused' in reread) throw new TypeError(`${document.list} was edited into something that does not parse`);
  const second = writeAll(reread, decisions.slice(half));
  return {
    text: second.text,
    done: [...first.done, ...second.done],
    findings: [...first.findings, ...second.findings],
  };
}

function refusedFindings(document: ListDocument, decision: Decision, refusal: Refusal): readonly Finding[] {
  return [...decision.wanted, ...decision.unwanted].map(({ subject }) =>
    finding('cannot-be-edited', 'blocks', subject, {
      message: `the entry of ${decision.arn} in ${document.list} was left as it is: ${refusal.reason}`,
      remedy: 'edit it by hand with: kubectl -n kube-system edit configmap aws-auth',
    }),
  );
}

function linesOf(done: readonly Decision[]): readonly ChangeLine[] {
  return done.flatMap((decision): ChangeLine[] => {
    if (decision.edit === undefined) return [];
    const { arn, username } = decision.edit;
    const before = decision.ours;
    const was = before.map((entry) => entry.usernames.join(' ')).join(', ');
    const subject = (username === undefined ? decision.unwanted : decision.wanted)[0]?.subject;
    const line = (sign: ChangeLine['sign'], text: string): ChangeLine[] => [
      { sign, text: `${decision.list}: ${arn} ${text}`, ...(subject === undefined ? {} : { subject }) },
    ];
    if (username === undefined) return before.length === 0 ? [] : line('-', `was ${was}`);
    if (before.length === 0) return line('+', `becomes ${username}`);
    if (before.length === 1 && says(before[0]!, { arn, username })) return [];
    return line('~', `becomes ${username} and nothing else, was ${was}`);
  });
}

function changeOf(
  object: string,
  before: AwsAuthObserved,
  texts: ReadonlyMap<AwsAuthList, string>,
  lines: readonly ChangeLine[],
): Change<AwsAuthObserved> {
  const base: KubernetesObject = before.present
    ? before.configMap
    : {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: AWS_AUTH_REF.name, namespace: AWS_AUTH_REF.namespace! },
      };
  const configMap = { ...base, data: { ...base.data, ...Object.fromEntries(texts) } };
  const action = before.present ? 'update' : 'create';
  return { kind: 'aws-auth', object, action, before, after: { present: true, configMap }, lines };
}

function finding(
  code: string,
  severity: Finding['severity'],
  subject: Owned['subject'] | undefined,
  detail: { message: string; remedy: string },
): Finding {
  return { code, severity, object: AWS_AUTH_OBJECT, ...(subject === undefined ? {} : { subject }), ...detail };
}

/** What the data would hold beside this list. */
function bytesOf(
  data: Readonly<Record<string, string>>,
  next: ReadonlyMap<AwsAuthList, string>,
  besides: AwsAuthList,
): number {
  return Object.entries(data)
    .filter(([key]) => key !== besides)
    .reduce((sum, [key, text]) => sum + bytes(next.get(key as AwsAuthList) ?? text), 0);
}

const bytes = (text: string): number => Buffer.byteLength(text, 'utf8');
