import { fitsInt64, type GoMapping, type GoValue, readGoTexts, readGoYaml } from './go-yaml.ts';
import { GoYamlError } from './go-yaml-scanner.ts';

/**
 * What a cluster's authenticator makes of the ConfigMap `aws-auth`, and who a caller becomes. Follows aws-iam-authenticator
 * v0.7.10 (`pkg/mapper/configmap`, `pkg/config/mapper.go`, `pkg/arn`, `pkg/server`); shares no code with the editor of
 * aws-auth, so that each can check the other.
 */

/** A mapping in force or overridden by a later one; `index` counts the entries of its list from 0. */
export interface AwsAuthMapping {
  /** As written. Not validated, not canonicalised: one with a path never matches a role. */
  readonly arn: string;
  /** A template. Empty where the entry gives none that is a string. */
  readonly username: string;
  /** Templates. */
  readonly groups: readonly string[];
  readonly index: number;
}

/** Something that the authenticator only logs. */
export interface AwsAuthProblem {
  readonly key: 'mapRoles' | 'mapUsers' | 'mapAccounts';
  /** `error`: the whole key, or the entry, counts for nothing. `warning`: it counts, but not as written. */
  readonly severity: 'error' | 'warning';
  /** The entry, counted from 0; absent: the whole key. */
  readonly index?: number;
  readonly message: string;
}

/** All that aws-auth says, in its order. JSON-able. */
export interface AwsAuthMappings {
  readonly roles: readonly AwsAuthMapping[];
  readonly users: readonly AwsAuthMapping[];
  readonly accounts: readonly string[];
  readonly problems: readonly AwsAuthProblem[];
}

/** Who asks, as `sts:GetCallerIdentity` answers. */
export interface Caller {
  readonly arn: string;
  readonly accountId: string;
  /** `AROA...:session` of an assumed role; `AIDA...` of a user. */
  readonly userId: string;
  readonly accessKeyId?: string;
}

/** Which entry decided. */
export type MappedBy =
  | { readonly list: 'mapRoles' | 'mapUsers'; readonly index: number }
  | { readonly list: 'mapAccounts'; readonly account: string };

/** Who the cluster takes a caller for. */
export interface MappedIdentity {
  readonly username: string;
  readonly groups: readonly string[];
  readonly canonicalArn: string;
  /** Only of assumed roles. */
  readonly sessionName?: string;
  readonly by: MappedBy;
}

/** `ambiguous`: each request becomes one of these at random, because their entries differ only in the case of the ARN. */
export type Identification =
  | MappedIdentity
  | { readonly denied: string }
  | { readonly ambiguous: readonly (MappedIdentity | { readonly denied: string })[] };

/** Answers an EC2 instance's private DNS name; undefined where it is not known. */
export type PrivateDnsName = (instanceId: string) => string | undefined;

/** Reads `data` of the ConfigMap; undefined (or no ConfigMap) maps nobody. Never throws. */
export function readAwsAuth(data: Readonly<Record<string, string>> | undefined): AwsAuthMappings {
  const problems: AwsAuthProblem[] = [];
  return {
    roles: readMappings('mapRoles', data, problems),
    users: readMappings('mapUsers', data, problems),
    accounts: readAccounts(data, problems),
    problems,
  };
}

const ARN_KEY = { mapRoles: 'rolearn', mapUsers: 'userarn' } as const;

function textOf(data: Readonly<Record<string, string>> | undefined, key: string): string {
  return data !== undefined && Object.hasOwn(data, key) ? data[key]! : '';
}

/** Taken for an empty list without being parsed. */
function isSkipped(text: string): boolean {
  return ['', '``', '""', "''"].includes(text.trim());
}

function readMappings(
  key: 'mapRoles' | 'mapUsers',
  data: Readonly<Record<string, string>> | undefined,
  problems: AwsAuthProblem[],
): AwsAuthMapping[] {
  const root = readKey(key, textOf(data, key), problems, readGoYaml);
  if (root === undefined || root.type === 'null') return [];
  const fault = faultIn(root);
  if (fault !== undefined) {
    problems.push({ key, severity: 'error', message: fault });
    return [];
  }
  if (root.type !== 'sequence') {
    problems.push({ key, severity: 'error', message: `cannot read a ${root.type} as a list of mappings` });
    return [];
  }
  return root.items.flatMap((item, index) => {
    const warn = (message: string) => problems.push({ key, severity: 'warning', index, message });
    const entry = item.type === 'mapping' ? readEntry(item, ARN_KEY[key], warn) : { sso: false, groups: [] };
    const reject = (message: string): [] => {
      problems.push({ key, severity: 'error', index, message });
      return [];
    };
    if (key === 'mapRoles' && entry.sso) {
      return reject(entry.arn ? 'only one of rolearn or sso can be given' : 'sso entries are off by default');
    }
    if (!entry.arn) return reject(`it has no ${ARN_KEY[key]}`);
    return [{ arn: entry.arn, username: entry.username ?? '', groups: entry.groups, index }];
  });
}

function readKey<T>(
  key: AwsAuthProblem['key'],
  text: string,
  problems: AwsAuthProblem[],
  read: (text: string) => T,
): T | undefined {
  if (isSkipped(text)) return undefined;
  try {
    return read(text);
  } catch (error) {
    if (!(error instanceof GoYamlError) && !(error instanceof RangeError)) throw error;
    problems.push({ key, severity: 'error', message: error.message });
    return undefined;
  }
}

/** What cannot become JSON, on its way from YAML into the authenticator, makes the whole key void. */
function faultIn(root: GoValue): string | undefined {
  const pending: GoValue[] = [root];
  const seen = new Set<GoValue>();
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (value.type === 'number' && !Number.isFinite(Number(value.value))) return `unsupported value: ${value.value}`;
    if ((value.type !== 'sequence' && value.type !== 'mapping') || seen.has(value)) continue;
    seen.add(value);
    if (value.type === 'sequence') for (const item of value.items) pending.push(item);
    if (value.type !== 'mapping') continue;
    for (const [key, member] of value.members) {
      if (key === null || (typeof key === 'bigint' && !fitsInt64(key))) return `unsupported map key: ${key}`;
      pending.push(member);
    }
  }
  return undefined;
}

interface Entry {
  arn?: string;
  username?: string;
  groups: readonly string[];
  sso: boolean;
}

/**
 * Members are taken in the byte order of their keys (the detour over JSON sorts them); keys are compared as Go's JSON reader
 * does, without case. A later one wins, but null and a value of the wrong type leave an earlier one in place.
 */
function readEntry(mapping: GoMapping, arnKey: string, warn: (message: string) => void): Entry {
  const entry: Entry = { groups: [], sso: false };
  for (const key of textKeys(mapping)) {
    const value = mapping.members.get(key)!;
    const name = foldCase(key);
    if (name === arnKey) entry.arn = readString(key, value, entry.arn, warn);
    else if (name === 'username') entry.username = readString(key, value, entry.username, warn);
    else if (name === 'groups') entry.groups = readGroups(value, entry.groups, warn);
    else if (name === 'sso') entry.sso = value.type !== 'null';
    else if (name === 'userid') readString(key, value, undefined, warn);
  }
  return entry;
}

/** In their order, which for whatever may be one of the names that count is the same by UTF-16 as by bytes. Mostly they stand in it. */
function textKeys(mapping: GoMapping): readonly string[] {
  const keys: string[] = [];
  let isSorted = true;
  for (const key of mapping.members.keys()) {
    if (typeof key !== 'string') continue;
    if (keys.length > 0 && key < keys[keys.length - 1]!) isSorted = false;
    keys.push(key);
  }
  return isSorted ? keys : keys.sort();
}

function readString(key: string, value: GoValue, before: string | undefined, warn: (message: string) => void): string {
  if (value.type === 'string') return value.text;
  if (value.type !== 'null') warn(`cannot read a ${value.type} as the text of ${key}`);
  return before ?? '';
}

function readGroups(value: GoValue, before: readonly string[], warn: (message: string) => void): readonly string[] {
  if (value.type === 'null') return [];
  if (value.type === 'sequence') return value.items.map((item, at) => readString('groups', item, before[at], warn));
  warn(`cannot read a ${value.type} as a list of groups`);
  return before;
}

/** `mapAccounts` is read straight into texts, so unquoted numbers keep their digits; an error leaves the texts before it. */
function readAccounts(
  data: Readonly<Record<string, string>> | undefined,
  problems: AwsAuthProblem[],
): readonly string[] {
  const key = 'mapAccounts';
  const { texts = [], faults = [] } = readKey(key, textOf(data, key), problems, readGoTexts) ?? {};
  for (const fault of faults) problems.push({ key, severity: 'error', ...fault });
  return texts;
}

/** Go's `strings.EqualFold`, as far as ASCII is concerned: lower case, and the long s is an s, the Kelvin sign a k. */
function foldCase(text: string): string {
  return text.toLowerCase().replaceAll('\u017f', 's');
}

/**
 * Who a caller becomes by aws-auth. `mapRoles` is asked before `mapUsers`, `mapAccounts` last. Never throws.
 *
 * @param privateDnsName answers `{{EC2PrivateDNSName}}`; without it, entries that use it are denied.
 */
export function identify(
  mappings: AwsAuthMappings,
  caller: Caller,
  privateDnsName: PrivateDnsName = () => undefined,
): Identification {
  const canonical = canonicalize(caller);
  if ('denied' in canonical) return canonical;
  for (const list of ['mapRoles', 'mapUsers'] as const) {
    const matches = matching(mappings, list, canonical.arn);
    if (matches.length === 0) continue;
    const rendered = matches.map((mapping) => renderMapping(list, mapping, caller, canonical, privateDnsName));
    return rendered.length === 1 ? rendered[0]! : { ambiguous: rendered };
  }
  if (mappings.accounts.includes(caller.accountId)) {
    const by = { list: 'mapAccounts', account: caller.accountId } as const;
    return { ...named(canonical), username: canonical.arn, groups: [], by };
  }
  return { denied: `${canonical.arn} is not mapped` };
}

/** Under which key the authenticator keeps a mapping; the last with a key wins. Users are kept by their ARN's exact case. */
function keyOf(list: 'mapRoles' | 'mapUsers', mapping: AwsAuthMapping): string {
  return list === 'mapRoles' ? mapping.arn.toLowerCase() : mapping.arn;
}

/** The entries that decide who one principal becomes. */
export interface DecidingMappings {
  readonly list: 'mapRoles' | 'mapUsers';
  /** More than one only where their keys differ in nothing but case: then each request is decided by any of them. */
  readonly mappings: readonly AwsAuthMapping[];
}

/**
 * The entries in force, by their ARN as {@link foldCase} has it, those of mapRoles first. What a later entry overrides is left
 * out, and so is what mapUsers says of an ARN in mapRoles, which is asked first.
 */
export function inForce(mappings: AwsAuthMappings): ReadonlyMap<string, DecidingMappings> {
  const deciding = new Map<string, DecidingMappings>();
  for (const list of ['mapRoles', 'mapUsers'] as const) {
    const kept = new Map<string, AwsAuthMapping>();
    for (const mapping of list === 'mapRoles' ? mappings.roles : mappings.users)
      kept.set(keyOf(list, mapping), mapping);
    for (const [arn, rivals] of Map.groupBy(kept.values(), (mapping) => foldCase(mapping.arn))) {
      if (!deciding.has(arn)) deciding.set(arn, { list, mappings: rivals });
    }
  }
  return deciding;
}

/**
 * Groups by which nodes, and pods on Fargate, are let in (https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html);
 * the last one is of Windows nodes (https://docs.aws.amazon.com/eks/latest/userguide/windows-support.html).
 */
const NODE_GROUPS: ReadonlySet<string> = new Set([
  'system:nodes',
  'system:bootstrappers',
  'system:node-proxier',
  'eks:kube-proxy-windows',
]);

/** Whether an entry lets in machines of the cluster: by a group of theirs, or as a node. */
export function isOfNodes({ username, groups }: Pick<AwsAuthMapping, 'username' | 'groups'>): boolean {
  const isNode = username.startsWith('system:node:') || username.includes('{{EC2PrivateDNSName}}');
  return isNode || groups.some((group) => NODE_GROUPS.has(group));
}

/** The mappings that a caller may hit: more than one only where their keys differ in nothing but case. */
function matching(mappings: AwsAuthMappings, list: 'mapRoles' | 'mapUsers', arn: string): readonly AwsAuthMapping[] {
  const folded = foldCase(arn);
  const byKey = new Map<string, AwsAuthMapping>();
  for (const mapping of list === 'mapRoles' ? mappings.roles : mappings.users) {
    if (foldCase(mapping.arn) === folded) byKey.set(keyOf(list, mapping), mapping);
  }
  return [...byKey.values()];
}

interface Canonical {
  readonly arn: string;
  readonly sessionName: string;
}

const PARTITIONS: ReadonlySet<string> = new Set([
  'aws',
  'aws-cn',
  'aws-us-gov',
  'aws-iso',
  'aws-iso-b',
  'aws-iso-e',
  'aws-iso-f',
  'aws-eusc',
]);

/** The ARN by which a caller is looked up: an assumed role becomes its role, without path; everything else stays. */
function canonicalize(caller: Caller): Canonical | { readonly denied: string } {
  const [prefix, partition, service, , account, ...rest] = caller.arn.split(':');
  if (prefix !== 'arn' || rest.length === 0) return { denied: `"${caller.arn}" is not an ARN` };
  if (!PARTITIONS.has(partition!)) return { denied: `"${caller.arn}" is of no partition that is known` };
  const parts = rest.join(':').split('/');
  const kind = `${service} ${parts[0]}`;
  if (['iam user', 'iam root', 'sts federated-user'].includes(kind)) return { arn: caller.arn, sessionName: '' };
  if (kind !== 'iam role' && kind !== 'sts assumed-role') return { denied: `"${caller.arn}" is no principal` };
  if (kind === 'sts assumed-role' && parts.length < 3) return { denied: `"${caller.arn}" does not name a role` };
  const userId = caller.userId.split(':');
  if (userId.length !== 2) return { denied: `the user id "${caller.userId}" names no session` };
  const role = parts.slice(1, -1).join('/');
  const arn = kind === 'iam role' ? caller.arn : `arn:${partition}:iam::${account}:role/${role}`;
  return { arn, sessionName: userId[1]! };
}

function named(canonical: Canonical): { canonicalArn: string; sessionName?: string } {
  const { arn, sessionName } = canonical;
  return sessionName === '' ? { canonicalArn: arn } : { canonicalArn: arn, sessionName };
}

function renderMapping(
  list: 'mapRoles' | 'mapUsers',
  mapping: AwsAuthMapping,
  caller: Caller,
  canonical: Canonical,
  privateDnsName: PrivateDnsName,
): MappedIdentity | { readonly denied: string } {
  const rendered: string[] = [];
  for (const template of [mapping.username, ...mapping.groups]) {
    const text = render(template, caller, canonical.sessionName, privateDnsName);
    if (text === undefined) return { denied: `"${template}" needs a session named after an instance that is known` };
    rendered.push(text);
  }
  const [username = '', ...groups] = rendered;
  return { ...named(canonical), username, groups, by: { list, index: mapping.index } };
}

/** Replaces what stands in double braces, in the authenticator's order; what it does not know stays. */
function render(
  template: string,
  caller: Caller,
  sessionName: string,
  privateDnsName: PrivateDnsName,
): string | undefined {
  let text = template;
  if (text.includes('{{EC2PrivateDNSName}}')) {
    const dnsName = /^i-(\w{8}|\w{17})$/.test(sessionName) ? privateDnsName(sessionName) : undefined;
    if (dnsName === undefined) return undefined;
    text = text.replaceAll('{{EC2PrivateDNSName}}', () => dnsName);
  }
  return text
    .replaceAll('{{AccountID}}', () => caller.accountId)
    .replaceAll('{{SessionName}}', () => sessionName.replaceAll('@', '-'))
    .replaceAll('{{SessionNameRaw}}', () => sessionName)
    .replaceAll('{{AccessKeyID}}', () => caller.accessKeyId ?? '');
}
