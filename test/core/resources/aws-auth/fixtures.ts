import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../../../fixtures/aws-auth/', import.meta.url);

export interface Fixture {
  readonly name: string;
  /** The text of `data.mapRoles`. */
  readonly text: string;
  /** What the real authenticator made of it: ARN, username, groups. */
  readonly recorded: readonly (readonly [string, string, readonly string[]])[];
}

const recorded = JSON.parse(readFileSync(new URL('read-by-authenticator-v0.7.10.json', FOLDER), 'utf8'));

export const FIXTURES: readonly Fixture[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.yaml'))
  .sort()
  .map((file) => {
    const name = file.replace(/\.yaml$/, '');
    return { name, text: readFileSync(new URL(file, FOLDER), 'utf8'), recorded: recorded[name] };
  });

export function fixture(name: string): Fixture {
  const found = FIXTURES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no fixture ${name}`);
  return found;
}
