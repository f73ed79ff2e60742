import { SOURCES } from '@gatehouse/core/policy/checking';
import { eventSources, webhookSources } from '@gatehouse/core/sources/sources';
import { expect, it } from 'vitest';

it('a policy can name exactly the sources that tell of people: all but AWS itself', () => {
  const names = new Set([...webhookSources.values(), ...eventSources.values()].map(({ name }) => name));
  names.delete('aws');
  expect([...names].sort()).toEqual([...SOURCES].sort());
});
