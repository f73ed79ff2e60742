import type { ClusterMode } from '@gatehouse/core/access/policy';
import { readPolicy } from '@gatehouse/core/policy/read';
import { withMode } from '@gatehouse/core/policy/set-mode';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const HEAD = 'apiVersion: gatehouse/v1\n';
const AT = 'account: "111122223333", region: eu-west-1';

describe('the mode in a document', () => {
  it.each<[string, string, string]>([
    [
      'in a flow map',
      `clusters:\n  a: { ${AT}, mode: observe } # keep\n`,
      `clusters:\n  a: { ${AT}, mode: enforce } # keep\n`,
    ],
    ['in double quotes', `clusters: {a: {mode: "observe", ${AT}}}`, `clusters: {a: {mode: "enforce", ${AT}}}`],
    ['in single quotes', `clusters: {a: {mode: 'paused', ${AT}}}`, `clusters: {a: {mode: 'enforce', ${AT}}}`],
    ['that is not there, flow', `clusters:\n  a: {${AT}}\n`, `clusters:\n  a: {mode: enforce, ${AT}}\n`],
    [
      'that is not there, block, with a comment and CRLF',
      `clusters:\r\n  a: # the big one\r\n      # ours\r\n      account: "111122223333"\r\n      region: eu-west-1\r\n`,
      `clusters:\r\n  a: # the big one\r\n      # ours\r\n      mode: enforce\r\n      account: "111122223333"\r\n      region: eu-west-1\r\n`,
    ],
    [
      'of one of two that look alike',
      `clusters:\n  a: { ${AT} }\n  b: { account: "444455556666", region: eu-west-1, mode: enforce }\n`,
      `clusters:\n  a: { mode: enforce, ${AT} }\n  b: { account: "444455556666", region: eu-west-1, mode: enforce }\n`,
    ],
    [
      'behind a quoted key',
      `clusters: { "a": { "mode": observe, ${AT} } }`,
      `clusters: { "a": { "mode": enforce, ${AT} } }`,
    ],
    [
      'that is as it shall be',
      `clusters: { a: { ${AT}, mode:   enforce } }`,
      `clusters: { a: { ${AT}, mode:   enforce } }`,
    ],
  ])('%s', (_title, before, after) => expect(withMode(HEAD + before, 'a', 'enforce')).toBe(HEAD + after));

  it('is refused where the document is, names no such cluster, or hides it', () => {
    expect(() => withMode('apiVersion: x', 'a', 'enforce')).toThrow(expect.objectContaining({ code: 'invalid' }));
    const text = `${HEAD}clusters: { a: { ${AT}, mode: "observ\\x65" } }`;
    expect(() => withMode(text, 'b', 'enforce')).toThrow(expect.objectContaining({ code: 'not-found' }));
    expect(() => withMode(text, 'a', 'enforce')).toThrow(expect.objectContaining({ code: 'unsupported' }));
    const folded = `${HEAD}clusters:\n  a:\n    mode: >-\n      observe\n    account: "111122223333"\n    region: eu-west-1\n`;
    expect(() => withMode(folded, 'a', 'enforce')).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });

  it('changes alone: all else is the same, to the byte', () => {
    const modes: readonly ClusterMode[] = ['observe', 'enforce', 'paused'];
    const space = fc.constantFrom('', ' ', '   ');
    const comment = fc.constantFrom('', '  # mode: enforce', ' # {"mode": observe}', ' #');
    const quote = fc.constantFrom('', '"', "'");
    const newline = fc.constantFrom('\n', '\r\n');
    const member = fc.record({ space, comment, quote });
    const cluster = fc.record({
      flow: fc.boolean(),
      mode: fc.option(fc.constantFrom(...modes), { nil: undefined }),
      modeAt: fc.constantFrom(0, 1, 2),
      members: fc.tuple(member, member, member),
      key: quote,
      indent: fc.constantFrom('  ', '    ', '        '),
      above: fc.constantFrom('', '  # mode: paused', '#'),
    });
    const documents = fc.record({
      clusters: fc.array(cluster, { minLength: 1, maxLength: 4 }),
      newline,
      end: fc.boolean(),
      bom: fc.boolean(),
    });
    type Written = typeof documents extends fc.Arbitrary<infer T> ? T : never;
    const written = ({ clusters, newline: nl, end, bom }: Written) => {
      const lines = [...(bom ? ['\ufeffapiVersion: gatehouse/v1'] : ['apiVersion: gatehouse/v1']), 'clusters:'];
      for (const [index, one] of clusters.entries()) {
        const [first, second, third] = one.members;
        const parts = [
          `account:${' '}${first.space}"111122223333"`,
          `region: ${second.space}${second.quote}eu-west-1${second.quote}`,
        ];
        if (one.mode)
          parts.splice(
            one.modeAt,
            0,
            `${third.quote}mode${third.quote}: ${third.space}${third.quote}${one.mode}${third.quote}`,
          );
        if (one.above) lines.push(one.above);
        const key = `  ${one.key}c${index}${one.key}:`;
        if (one.flow)
          lines.push(`${key} {${first.space}${parts.join(`,${second.space || ' '}`)}${third.space}}${first.comment}`);
        else lines.push(`${key}${first.comment}`, ...parts.map((part) => `  ${one.indent}${part}${second.comment}`));
      }
      return lines.join(nl) + (end ? nl : '');
    };
    fc.assert(
      fc.property(documents, fc.nat(3), fc.constantFrom(...modes), (document, pick, mode) => {
        const text = written(document);
        const reading = readPolicy(text);
        if (!reading.ok) throw new Error(JSON.stringify(reading.errors));
        const name = `c${pick % document.clusters.length}`;
        const edited = withMode(text, name, mode);
        const after = readPolicy(edited);
        if (!after.ok) throw new Error(JSON.stringify(after.errors));
        expect(after.policy.clusters).toEqual(
          reading.policy.clusters.map((one) => (one.name === name ? { ...one, mode } : one)),
        );
        const [before, now] = [text, edited];
        let head = 0;
        while (head < before.length && before[head] === now[head]) head++;
        let tail = 0;
        while (tail < before.length - head && tail < now.length - head && before.at(-1 - tail) === now.at(-1 - tail))
          tail++;
        const gone = before.slice(head, before.length - tail);
        const come = now.slice(head, now.length - tail);
        // What is left out is within the old mode; what is put in, within `mode: <new>` and its separator.
        const was = document.clusters[pick % document.clusters.length]!.mode;
        if (was) expect(`${was}`).toContain(gone);
        else expect(gone).toBe('');
        expect(come.trim().length).toBeLessThanOrEqual(`mode: ${mode},`.length);
      }),
      { numRuns: 300 },
    );
  });
});
