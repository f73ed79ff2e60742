import { describe, expect, it } from 'vitest';
import type { WatchEvent } from '../../../sandbox/src/kubernetes/watches.ts';
import { ADMIN } from '../../contracts/kubernetes-api/api.ts';
import { newState, send } from './cluster.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

type State = ReturnType<typeof newState>;
interface Named {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
}

const write = (state: State, name: string, labels: Record<string, string>) =>
  send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name, labels } });
const label = (state: State, name: string, labels: Record<string, string | null>) =>
  send(
    state,
    ADMIN,
    'PATCH',
    `${CONFIG_MAPS}/${name}`,
    { metadata: { labels } },
    {
      'content-type': 'application/merge-patch+json',
    },
  );
const remove = (state: State, name: string) => send(state, ADMIN, 'DELETE', `${CONFIG_MAPS}/${name}`);
const versionOf = (state: State) =>
  (send(state, ADMIN, 'GET', CONFIG_MAPS).body as unknown as Named).metadata.resourceVersion;

/** Begins a watch; what it tells comes into `events`. */
function watch(state: State, query: string, accept = 'application/json') {
  const answer = state.handle(
    { method: 'GET', path: CONFIG_MAPS, query: new URLSearchParams(`watch=true&${query}`), headers: { accept } },
    ADMIN,
  );
  const events: WatchEvent[] = [];
  const stop = answer.watch?.begin((event) => void events.push(event)) ?? (() => {});
  return { answer, events, stop };
}
const told = (events: readonly WatchEvent[]) =>
  events.map(({ type, object }) => `${type} ${(object as Named).metadata.name}`);

describe('a watch', () => {
  it('begins with what is there, and goes on with what happens, until it is ended', () => {
    const state = newState();
    write(state, 'a', {});
    const { events, stop } = watch(state, '');
    write(state, 'b', {});
    label(state, 'a', { x: 'y' });
    remove(state, 'b');
    stop();
    write(state, 'c', {});
    expect(told(events)).toEqual(['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED b']);
  });

  it('goes on from a version, and what is deleted has the version of its deletion', () => {
    const state = newState();
    write(state, 'a', {});
    const since = versionOf(state);
    remove(state, 'a');
    const { events } = watch(state, `resourceVersion=${since}`);
    expect(told(events)).toEqual(['DELETED a']);
    expect((events[0]!.object as Named).metadata.resourceVersion).toBe(versionOf(state));
  });

  it.each(['labelSelector=x%3Dy', 'labelSelector=x%3Dy&fieldSelector=metadata.name%3Da'])(
    'that selects by %s, adds what comes to be selected, and deletes what no longer is',
    (selector) => {
      const state = newState();
      write(state, 'a', {});
      const { events } = watch(state, selector);
      label(state, 'a', { x: 'y' });
      label(state, 'a', { z: '1' });
      label(state, 'a', { x: null });
      label(state, 'a', { z: '2' });
      expect(told(events)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
    },
  );

  it('from a version that is no longer known is expired', () => {
    const state = newState();
    write(state, 'a', {});
    const since = versionOf(state);
    write(state, 'b', {});
    state.restore(state.snapshot());
    const { events } = watch(state, `resourceVersion=${since}`);
    expect(events).toMatchObject([{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }]);
  });

  it.each([
    ['resourceVersion=99999', 504],
    ['resourceVersion=x', 400],
    ['sendInitialEvents=true', 422],
  ])('with %s is refused', (query, status) => {
    expect(watch(newState(), query).answer.status).toBe(status);
  });

  it('in tables names the columns once', () => {
    const state = newState();
    const { events } = watch(state, '', TABLE);
    write(state, 'a', {});
    write(state, 'b', {});
    expect(events).toMatchObject([
      {
        type: 'ADDED',
        object: { kind: 'Table', columnDefinitions: [{ name: 'Name' }, { name: 'Data' }, { name: 'Age' }] },
      },
      { type: 'ADDED', object: { kind: 'Table', columnDefinitions: null, rows: [{ cells: ['b', 0, '0s'] }] } },
    ]);
  });
});
