import { Failure } from '@gatehouse/core/access/failure';
import { readPolicy } from '@gatehouse/core/policy/read';
import { isCollection, isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';

/** What stands at the top of a document and gives somebody access, or has something made. */
const GIVING: readonly string[] = ['onboarding', 'identityProviders'];

/**
 * The policy that gives nobody anything, and still says which clusters there are and what is protected on them: those bytes stay.
 * Clusters elsewhere go, too, because their registration is something that Gatehouse made.
 * @throws Failure `invalid` where what is left would be no policy.
 */
export function emptiedPolicy(text: string): string {
  const document = parseDocument(text);
  const top = document.contents;
  if (!isMap(top)) throw new Failure('invalid', 'the policy in force is no map');
  const edits: Edit[] = [];
  for (const pair of top.items) {
    const name = keyOf(pair);
    if (name === 'grants') edits.push({ ...rangeOf(pair, text), text: 'grants: []\n' });
    if (GIVING.includes(name)) edits.push({ ...rangeOf(pair, text), text: '' });
    if (name === 'clusters' && isMap(pair.value)) edits.push(...withoutConnected(pair, pair.value, text));
  }
  const emptied = top.flow === true ? '' : edited(text, edits);
  const result = emptied !== '' && readPolicy(emptied).ok ? emptied : rewritten(text);
  const reading = readPolicy(result);
  if (!reading.ok) {
    throw new Failure('invalid', `the policy without grants is none: ${reading.errors[0]?.message}`, {
      remedy:
        'upload a policy without grants yourself, wait until nothing is left, then gatehouse uninstall --keep-access',
    });
  }
  return result;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const keyOf = ({ key }: Pair): string => (isScalar(key) ? String(key.value) : '');

/** From the key to the end of the last line of its value. */
function rangeOf({ key, value }: Pair, text: string): Pick<Edit, 'start' | 'end'> {
  const start = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
  const last = isCollection(value) || isScalar(value) ? (value.range?.[1] ?? start) : start;
  const newline = text.indexOf('\n', Math.max(start, last - 1));
  return { start, end: newline < 0 ? text.length : newline + 1 };
}

function withoutConnected(clusters: Pair, map: YAMLMap, text: string): readonly Edit[] {
  const isConnected = ({ value }: Pair) => isMap(value) && value.get('kind') === 'connected';
  const gone = map.items.filter(isConnected);
  if (gone.length === 0) return [];
  if (gone.length === map.items.length) return [{ ...rangeOf(clusters, text), text: 'clusters: {}\n' }];
  // In a flow map, lines are not cut: the whole is written anew.
  if (map.flow) return [{ start: 0, end: text.length, text: '' }];
  return gone.map((pair) => {
    const { start, end } = rangeOf(pair, text);
    return { start: text.lastIndexOf('\n', start) + 1, end, text: '' };
  });
}

function edited(text: string, edits: readonly Edit[]): string {
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((result, { start, end, text: put }) => result.slice(0, start) + put + result.slice(end), text);
}

/** The same for a document whose lines cannot be cut: meaning and comments stay, its layout does not. */
function rewritten(text: string): string {
  const document = parseDocument(text);
  document.set('grants', document.createNode([]));
  for (const name of GIVING) document.delete(name);
  const clusters = document.get('clusters');
  if (isMap(clusters)) {
    clusters.items = clusters.items.filter(({ value }) => !(isMap(value) && value.get('kind') === 'connected'));
  }
  return document.toString({ lineWidth: 0 });
}
