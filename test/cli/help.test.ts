import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { runCommand, silentProgram } from './terminal.ts';

/** Every verb, and those below it, as they are typed. Some are for tests or shells, and not listed. */
function verbsOf(command: Command): readonly string[] {
  const listed = command.createHelp().visibleCommands(command);
  return listed
    .filter((one) => one.name() !== 'help')
    .flatMap((one) => [one.name(), ...verbsOf(one).map((below) => `${one.name()} ${below}`)]);
}

const VERBS = verbsOf(silentProgram());

describe('help', () => {
  it('lists every verb, the exit codes and the environment', async () => {
    const { code, out } = await runCommand(['--help']);
    expect(code).toBe(0);
    const listed = VERBS.filter((verb) => !verb.includes(' '));
    expect(listed.length).toBeGreaterThan(35);
    for (const verb of listed) expect(out).toMatch(new RegExp(`^  ${verb}\\b`, 'm'));
    expect(out).toContain('Exit codes:');
    expect(out).toContain('NO_COLOR');
  });

  it.each(VERBS)('of %s says how to use it, with examples and what its exit codes mean', async (verb) => {
    const { code, out, err } = await runCommand([...verb.split(' '), '--help']);
    expect(code).toBe(0);
    expect(err).toBe('');
    expect(out).toMatch(new RegExp(`^Usage: gatehouse ${verb}\\b`));
    expect(out).toMatch(/^Examples:\n( {2}# .+\n {2}.+\n?)+/m);
    expect(out.match(/^Exit codes: 0 fine; 1 error/gm)).toHaveLength(1);
  });

  it('offers --detailed-exitcode with every --dry-run, and says what 2 means', async () => {
    const helps = await Promise.all(VERBS.map(async (verb) => (await runCommand([...verb.split(' '), '--help'])).out));
    // To remove the stack is always a change.
    const dry = helps.filter((out) => /^ {2}--dry-run /m.test(out) && !out.startsWith('Usage: gatehouse uninstall'));
    expect(dry.length).toBeGreaterThan(10);
    for (const out of dry) expect(out).toMatch(/--detailed-exitcode .*^Exit codes: [^\n]*; 2 /ms);
  });

  it('says of who-can and can-i what their -A means', async () => {
    const help = async (verb: string) => (await runCommand([verb, '--help'])).out.replace(/\s+/g, ' ');
    expect(await help('who-can')).toContain('-A, --all-clusters ask all clusters of the policy');
    expect(await help('can-i')).toContain('-A, --all-namespaces in all namespaces');
  });

  it('hides what is for tests', async () => {
    expect((await runCommand(['demo', '--help'])).out).not.toMatch(/--template|--patience/);
  });
});

describe('what is not understood', () => {
  it.each([
    { typed: ['statsu'], says: "unknown command 'statsu'" },
    { typed: ['statsu'], says: 'Did you mean status?' },
    { typed: ['statsu'], says: '"gatehouse --help" explains' },
    { typed: ['onboard', 'application', 'pay'], says: '"gatehouse onboard application --help" explains' },
    { typed: ['reconcile'], says: "missing required argument 'target'" },
    { typed: ['reconcile', 'a', 'b'], says: 'too many arguments' },
    ...[
      ['apply', '--timeout', '0'],
      ['uninstall', '--timeout', '-1'],
      ['register-cluster', 'edge', '--timeout', '1.5m'],
      ['associate-idp', 'prod-eu', '--timeout', 'long'],
      ['associate-idp', 'prod-eu', '--every', '0.0'],
    ].map((typed) => ({ typed, says: 'must be a number of seconds, or a time like 90s, 15m or 2h' })),
    { typed: ['plan', '-o', 'xml'], says: 'Allowed choices are table, wide, json, yaml, csv' },
    { typed: ['status', '--colour'], says: "unknown option '--colour'" },
    { typed: ['status', '-o', 'xml'], says: 'Allowed choices are table, wide, json, yaml, csv' },
    { typed: ['sandbox', '--port', '99999'], says: 'must be a whole number from 0 to 65535' },
    { typed: ['sandbox', '--port', '1e3'], says: 'must be a whole number from 0 to 65535' },
    { typed: ['ledger', 'prod-eu', '--last', '0'], says: 'must be a whole number of 1 or more' },
    { typed: ['rotate-key'], says: "missing required argument 'machine'" },
    { typed: ['rotate-key', 'ci', '--overlap', '8d'], says: 'must be a time like 30m, 24h or 7d' },
    { typed: ['rotate-key', 'ci', '--overlap', '1.5h'], says: 'must be a time like' },
    { typed: ['activate-policy', 'latest'], says: 'must be a whole number of 1 or more' },
  ])('$typed: $says, exit code 1', async ({ typed, says }) => {
    const { code, out, err } = await runCommand(typed);
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toContain(says);
  });

  it('a scenario that does not exist', async () => {
    const { code, out, err } = await runCommand(['demo', '--scenario', 'storm']);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('there is no scenario "storm"');
  });
});
