import { describe, expect, it } from 'vitest';
import { ADMIN, CONFIG_MAPS, newState, send } from './cluster.ts';

describe('state', () => {
  it('is the same after snapshot and restore, versions included', () => {
    const state = newState();
    send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'a' }, data: { __proto__x: '1' } });
    const snapshot = JSON.parse(JSON.stringify(state.snapshot()));
    const other = newState();
    other.restore(snapshot);
    expect(other.snapshot()).toEqual(state.snapshot());
    const list = send(other, ADMIN, 'GET', '/api/v1/configmaps').body;
    expect(list).toEqual(send(state, ADMIN, 'GET', '/api/v1/configmaps').body);
    const next = send(other, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'b' } }).body.metadata.resourceVersion;
    expect(Number(next)).toBe(Number(list.metadata.resourceVersion) + 1);
  });

  it('is not taken from another format', () => {
    const snapshot = { ...newState().snapshot(), format: 'other' } as never;
    expect(() => newState().restore(snapshot)).toThrow(
      "a cluster's state is kept as gatehouse-kubernetes/1, and this is other",
    );
  });

  it('cannot be changed through what it hands out', () => {
    const state = newState();
    const made = send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'a' }, data: { k: '1' } }).body;
    made.data.k = 'changed';
    send(state, ADMIN, 'GET', CONFIG_MAPS).body.items[0].data.k = 'changed';
    for (const [, object] of state.snapshot().objects) Object.assign(object, { data: { k: 'changed' } });
    expect(send(state, ADMIN, 'GET', `${CONFIG_MAPS}/a`).body.data).toEqual({ k: '1' });
  });

  it('forgets with what it is replaced by the lists that could go on', () => {
    const state = newState();
    for (const name of ['a', 'b']) send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name } });
    const token = send(state, ADMIN, 'GET', `${CONFIG_MAPS}?limit=1`).body.metadata.continue;
    expect(send(state, ADMIN, 'GET', `${CONFIG_MAPS}?continue=${token}`).status).toBe(200);
    send(state, ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'c' } });
    state.restore(state.snapshot());
    const old = send(state, ADMIN, 'GET', `${CONFIG_MAPS}?continue=${token}`);
    expect(old).toMatchObject({ status: 410, body: { reason: 'Expired' } });
  });

  it('takes its time from the clock it is given', () => {
    const { metadata } = send(newState(), ADMIN, 'POST', CONFIG_MAPS, { metadata: { name: 'a' } }).body;
    expect(metadata.creationTimestamp).toBe('2026-01-15T12:00:00Z');
  });
});
