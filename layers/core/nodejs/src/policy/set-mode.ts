import { Failure } from '../access/failure.ts';
import { sameJson } from '../access/json.ts';
import type { ClusterMode } from '../access/policy.ts';
import { type PolicyNode, parseDocument } from './document.ts';
import { readPolicy } from './read.ts';
import { requirePolicy } from './require.ts';

/**
 * The text of a policy document in which one cluster has another mode. All else stays as it was, to the byte: comments, order,
 * quotes, line ends. Where the document gives the cluster no mode, one is put before its first member.
 * @throws Failure `invalid` for a document that is refused, `not-found` where it names no such cluster, `unsupported` where the
 *   mode is written in a way that cannot be edited.
 */
export function withMode(text: string, cluster: string, mode: ClusterMode): string {
  const before = requirePolicy(text);
  const known = before.clusters.find(({ name }) => name === cluster);
  if (!known) {
    throw new Failure('not-found', `the document names no cluster "${cluster}"`, {
      remedy: `it names ${before.clusters.map(({ name }) => name).join(', ') || 'none'}`,
    });
  }
  if (known.mode === mode) return text;
  const edited = editedText(text, cluster, mode);
  const clusters = before.clusters.map((one) => (one === known ? { ...one, mode } : one));
  const after = readPolicy(edited);
  if (after.ok && sameJson(after.policy, { ...before, clusters })) return edited;
  throw new Failure('unsupported', `the mode of "${cluster}" is written in a way that cannot be edited`, {
    remedy: `write "mode: ${mode}" under clusters.${cluster} by hand`,
  });
}

/** A first attempt: whoever calls reads it again. */
function editedText(text: string, cluster: string, mode: ClusterMode): string {
  const source = parseDocument(text);
  const node = 'errors' in source ? undefined : source.find(['clusters', cluster]);
  if (node?.kind !== 'map') return text;
  const written = node.entries.get('mode')?.value;
  if (written) return replaced(text, written, mode);
  const [first] = node.entries.values();
  if (!first) return text;
  const { offset } = first.key;
  const lineStart = Math.max(text.lastIndexOf('\n', offset - 1), text.lastIndexOf('\r', offset - 1)) + 1;
  const indent = text.slice(lineStart, offset);
  const lineEnd = /(?:\r\n|\n|\r)$/.exec(text.slice(Math.max(0, lineStart - 2), lineStart))?.[0] ?? '\n';
  const isFlow = text[node.offset] === '{';
  return splice(text, offset, offset, isFlow ? `mode: ${mode}, ` : `mode: ${mode}${lineEnd}${indent}`);
}

function replaced(text: string, written: PolicyNode, mode: ClusterMode): string {
  if (written.kind !== 'text') return text;
  const start = written.offset + (/["']/.test(text[written.offset] ?? '') ? 1 : 0);
  const end = start + written.text.length;
  return text.slice(start, end) === written.text ? splice(text, start, end, mode) : text;
}

function splice(text: string, start: number, end: number, by: string): string {
  return text.slice(0, start) + by + text.slice(end);
}
