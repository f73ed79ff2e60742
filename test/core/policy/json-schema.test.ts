import { readFileSync, writeFileSync } from 'node:fs';
import { policyJsonSchema } from '@gatehouse/core/policy/json-schema';
import { expect, test } from 'vitest';

const published = new URL('../../../docs/policy.schema.json', import.meta.url);

test('docs/policy.schema.json is the schema of the code (rewrite it with UPDATE_SCHEMA=1)', () => {
  if (process.env.UPDATE_SCHEMA === '1') writeFileSync(published, `${JSON.stringify(policyJsonSchema(), null, 2)}\n`);
  expect(JSON.parse(readFileSync(published, 'utf8'))).toEqual(JSON.parse(JSON.stringify(policyJsonSchema())));
});

test('the schema refuses unknown fields everywhere', () => {
  const objects: object[] = [];
  JSON.stringify(policyJsonSchema(), (_key, value) => {
    if (value?.type === 'object' && value.properties) objects.push(value);
    return value;
  });
  expect(objects.length).toBeGreaterThan(8);
  expect(
    objects.filter((object) => (object as { additionalProperties?: unknown }).additionalProperties !== false),
  ).toEqual([]);
});
