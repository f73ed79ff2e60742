import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonPatch, mergePatch, strategicMergePatch } from '../../../sandbox/src/kubernetes/patch.ts';
import { ADMIN, CONFIG_MAPS, newState, send } from './cluster.ts';

describe('patches', () => {
  // The examples of RFC 7396, appendix A.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('merge %j with %j', (target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result);
  });

  it.each([
    ['add to an object', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    ['add into a list', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    ['add at the end', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    [
      'remove',
      { a: [1, 2], b: 3 },
      [
        { op: 'remove', path: '/a/0' },
        { op: 'remove', path: '/b' },
      ],
      { a: [2] },
    ],
    ['replace', { 'a/b~c': 1 }, [{ op: 'replace', path: '/a~1b~0c', value: 2 }], { 'a/b~c': 2 }],
    ['move', { a: { b: 1 }, c: {} }, [{ op: 'move', from: '/a/b', path: '/c/d' }], { a: {}, c: { d: 1 } }],
    ['copy', { a: [1] }, [{ op: 'copy', from: '/a', path: '/b' }], { a: [1], b: [1] }],
    ['test', { a: { b: [1] } }, [{ op: 'test', path: '/a', value: { b: [1] } }], { a: { b: [1] } }],
    ['the whole', { a: 1 }, [{ op: 'replace', path: '', value: { b: 1 } }], { b: 1 }],
  ])('do JSON patch: %s', (_title, target, patch, result) => {
    const before = structuredClone(target);
    expect(jsonPatch(target, patch)).toEqual(result);
    expect(target).toEqual(before);
  });

  it.each([
    ['a test that fails', [{ op: 'test', path: '/a', value: 2 }], 422],
    ['a path that is not there', [{ op: 'remove', path: '/x/y' }], 422],
    ['an index beyond the list', [{ op: 'add', path: '/l/5', value: 1 }], 422],
    ['an index that is none', [{ op: 'add', path: '/l/01', value: 1 }], 422],
    ['a member of a prototype', [{ op: 'remove', path: '/__proto__/x' }], 422],
    ['an unknown operation', [{ op: 'fix', path: '/a' }], 422],
    ['a path without slash', [{ op: 'add', path: 'a', value: 1 }], 422],
  ])('refuse as JSON patch: %s', (_title, patch, code) => {
    expect(() => jsonPatch({ a: 1, l: [1] }, patch)).toThrow(expect.objectContaining({ code }));
  });

  it('refuse as JSON patch what is no list', () => {
    expect(() => jsonPatch({}, { op: 'add' })).toThrow('cannot unmarshal object into Go value of type []handlers');
  });

  it('merge strategically the lists that have a key, and replace the others', () => {
    const target = { containers: [{ name: 'a', image: '1' }, { name: 'b' }], rules: [1, 2], finalizers: ['x/y'] };
    const patch = {
      containers: [{ name: 'a', image: '2' }, { name: 'b', $patch: 'delete' }, { name: 'c' }],
      rules: [3],
      finalizers: ['x/z'],
      '$setElementOrder/containers': [],
    };
    expect(strategicMergePatch(target, patch)).toEqual({
      containers: [{ name: 'a', image: '2' }, { name: 'c' }],
      rules: [3],
      finalizers: ['x/z', 'x/y'],
    });
    expect(strategicMergePatch({ a: 1, b: 2 }, { $retainKeys: ['a'], a: 3 })).toEqual({ a: 3 });
  });

  it('of any two objects: a merge patch made of their difference gives the second', () => {
    const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.integer(), { maxLength: 3 }));
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.dictionary(fc.string({ minLength: 1 }), fc.oneof({ maxDepth: 3 }, leaf, tie('tree')), { maxKeys: 4 }),
    }));
    const difference = (from: object, to: object): object => {
      const removed = Object.keys(from)
        .filter((key) => !Object.hasOwn(to, key))
        .map((key) => [key, null] as const);
      const set = Object.entries(to).map(([key, value]) => {
        const old = Object.hasOwn(from, key) ? (from as Record<string, unknown>)[key] : undefined;
        const both = [old, value].every((one) => one !== null && typeof one === 'object' && !Array.isArray(one));
        return [key, both ? difference(old as object, value as object) : value] as const;
      });
      return Object.fromEntries([...removed, ...set]);
    };
    fc.assert(
      fc.property(tree, tree, (from, to) => {
        expect(mergePatch(from, difference(from as object, to as object))).toEqual(to);
      }),
      { numRuns: 200 },
    );
  });
});

describe('two writers', () => {
  it('never lose a change that was answered with success, and always move the version on', () => {
    type Step = { writer: number; act: 'read' | 'write' };
    const step = fc.record<Step>({ writer: fc.nat({ max: 2 }), act: fc.constantFrom('read', 'write') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const state = newState();
        send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'a' }, data: {} });
        const seen = new Map<number, { metadata: { resourceVersion: string }; data?: Record<string, string> }>();
        const acknowledged: string[] = [];
        let version = 0;
        steps.forEach(({ writer, act }, index) => {
          if (act === 'read') {
            seen.set(writer, send(state, ADMIN, 'GET', `${CONFIG_MAPS}/a`).body);
            return;
          }
          const base = seen.get(writer);
          if (base === undefined) return;
          const key = `k${index}`;
          const next = { ...base, data: { ...base.data, [key]: 'x' } };
          const fresh =
            base.metadata.resourceVersion ===
            send(state, ADMIN, 'GET', `${CONFIG_MAPS}/a`).body.metadata.resourceVersion;
          const answer = send(state, ADMIN, 'PUT', `${CONFIG_MAPS}/a`, next);
          expect(answer.status).toBe(fresh ? 200 : 409);
          if (answer.status !== 200) return;
          acknowledged.push(key);
          expect(Number(answer.body.metadata.resourceVersion)).toBeGreaterThan(version);
          version = Number(answer.body.metadata.resourceVersion);
        });
        const stored = Object.keys(send(state, ADMIN, 'GET', `${CONFIG_MAPS}/a`).body.data ?? {});
        expect(stored.sort()).toEqual(acknowledged.sort());
      }),
      { numRuns: 60 },
    );
  });
});
