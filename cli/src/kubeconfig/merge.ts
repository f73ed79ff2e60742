import { Failure } from '@gatehouse/core/access/failure';
import { type Document, isMap, isSeq, parseAllDocuments, Scalar, type YAMLMap, YAMLSeq } from 'yaml';
import type { ExecCommand, KubeconfigEntry } from './entry.ts';

/** Ways of signing in that a user's entry may hold beside a plugin, which they would go before or contradict. */
const OTHER_CREDENTIALS = [
  'auth-provider',
  'client-certificate',
  'client-certificate-data',
  'client-key',
  'client-key-data',
  'password',
  'token',
  'tokenFile',
  'username',
] as const;

/** The version that every kubectl since 1.24 and the AWS CLI speak. */
const EXEC_VERSION = 'client.authentication.k8s.io/v1beta1';

/**
 * Puts an entry into the text of a kubeconfig, and makes its context the current one. What is there under its names is brought
 * up to date, and keeps what is not of the way in: a namespace, a proxy, extensions. All else stays as it is, comments included.
 * The same entry once more changes nothing.
 *
 * @param file Its path, for messages.
 * @throws Failure `invalid` where the text is no kubeconfig; `already-exists` where the context is another cluster's.
 */
export function mergeKubeconfig(text: string, entry: KubeconfigEntry, file: string): string {
  const document = parse(text, file);
  const { context, cluster, user, namespace } = entry;
  const before = named(document, 'contexts', context, file)?.get('context');
  const shown = isMap(before) ? before.get('cluster') : undefined;
  if (shown !== undefined && shown !== cluster.name) {
    throw new Failure('already-exists', `${file}: the context "${context}" leads to ${String(shown)}`, {
      remedy: 'choose another name: --alias',
    });
  }
  if (!document.has('apiVersion')) document.set('apiVersion', 'v1');
  if (!document.has('kind')) document.set('kind', 'Config');
  const clusterBody = bodyOf(document, 'clusters', cluster.name, 'cluster', file);
  set(clusterBody, 'server', cluster.server);
  set(clusterBody, 'certificate-authority-data', cluster.certificateAuthority);
  for (const other of ['certificate-authority', 'insecure-skip-tls-verify']) clusterBody.delete(other);
  const userBody = bodyOf(document, 'users', user.name, 'user', file);
  for (const other of OTHER_CREDENTIALS) userBody.delete(other);
  setExec(document, mapAt(document, userBody, 'exec'), user.exec);
  const contextBody = bodyOf(document, 'contexts', context, 'context', file);
  set(contextBody, 'cluster', cluster.name);
  set(contextBody, 'user', user.name);
  if (namespace !== undefined) set(contextBody, 'namespace', namespace);
  set(document, 'current-context', context);
  return write(document, text);
}

function parse(text: string, file: string): Document {
  const documents = parseAllDocuments(text, { keepSourceTokens: false });
  const [document, another] = Array.isArray(documents) ? documents : [];
  const wrong = (why: string) =>
    new Failure('invalid', `${file} is no kubeconfig: ${why}`, {
      remedy: 'mend it or move it away; nothing was written',
    });
  if (document === undefined) return emptyDocument(text);
  if (another !== undefined) throw wrong('it holds more than one document');
  const [error] = document.errors;
  if (error) throw wrong(error.message.split('\n')[0]!.replace(/:$/, ''));
  if (document.contents === null || (document.contents instanceof Scalar && document.contents.value === null)) {
    return emptyDocument(text.replace(/^\s*(null|~)\s*$/m, ''));
  }
  if (!isMap(document.contents)) throw wrong('it is not a mapping');
  return document as Document;
}

/** A document without content, with the comments that the text holds. */
function emptyDocument(text: string): Document {
  const [document] = parseAllDocuments(
    `${text.trim() === '' ? '' : `${text.trimEnd()}\n`}apiVersion: v1\n`,
  ) as Document[];
  return document!;
}

type Section = 'clusters' | 'contexts' | 'users';

/** The entry of a name; undefined where there is none. */
function named(document: Document, section: Section, name: string, file: string): YAMLMap | undefined {
  const list = document.get(section);
  // kubectl writes null where it has removed the last one.
  if (list === undefined || list === null) return undefined;
  if (!isSeq(list)) throw new Failure('invalid', `${file}: "${section}" is no list`, { remedy: 'mend it first' });
  const found = list.items.filter((item): item is YAMLMap => isMap(item) && item.get('name') === name);
  if (found.length > 1) {
    throw new Failure('invalid', `${file}: "${section}" holds "${name}" ${found.length} times, which kubectl refuses`, {
      remedy: 'delete all but one of them',
    });
  }
  return found[0];
}

/** The map with what an entry says, made where there is none. */
function bodyOf(document: Document, section: Section, name: string, body: string, file: string): YAMLMap {
  const found = named(document, section, name, file);
  if (found) return mapAt(document, found, body);
  if (!isSeq(document.get(section))) document.set(section, new YAMLSeq(document.schema));
  const entry = document.createNode({ [body]: {}, name }) as YAMLMap;
  const content = entry.get(body) as YAMLMap;
  content.flow = false;
  (document.get(section) as YAMLSeq).add(entry);
  return content;
}

function mapAt(document: Document, parent: YAMLMap, key: string): YAMLMap {
  const there = parent.get(key);
  if (isMap(there)) return there;
  const made = document.createNode({}) as YAMLMap;
  made.flow = false;
  parent.set(key, made);
  return made;
}

function set(target: YAMLMap | Document, key: string, value: string): void {
  if (target.get(key) !== value) target.set(key, value);
}

function setExec(document: Document, exec: YAMLMap, { command, args, profile }: ExecCommand): void {
  set(exec, 'apiVersion', EXEC_VERSION);
  set(exec, 'command', command);
  const before = exec.get('args');
  const same = isSeq(before) && JSON.stringify(before.toJSON()) === JSON.stringify(args);
  if (!same) exec.set('args', document.createNode(args));
  set(exec, 'interactiveMode', 'IfAvailable');
  const env = exec.get('env');
  const kept = isSeq(env) ? env.items.filter((item) => !(isMap(item) && item.get('name') === 'AWS_PROFILE')) : [];
  const had = isSeq(env)
    ? env.items.flatMap((item) => (isMap(item) && item.get('name') === 'AWS_PROFILE' ? [item.get('value')] : []))
    : [];
  if (had.length === (profile === undefined ? 0 : 1) && had[0] === profile) return;
  const own = profile === undefined ? [] : [document.createNode({ name: 'AWS_PROFILE', value: profile })];
  if (kept.length + own.length === 0) exec.delete('env');
  else {
    const list = new YAMLSeq(document.schema);
    list.items = [...kept, ...own];
    exec.set('env', list);
  }
}

/** In the layout of the text: kubectl writes lists without indentation, people often with. */
function write(document: Document, text: string): string {
  const indentSeq = /^(clusters|contexts|users):[^\n]*\n(#[^\n]*\n)*\s+-/m.test(text);
  return document.toString({ lineWidth: 0, indentSeq, flowCollectionPadding: !/\{\S+:/.test(text) });
}
