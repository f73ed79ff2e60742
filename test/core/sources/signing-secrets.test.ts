import { SigningSecrets } from '@gatehouse/core/sources/signing-secrets';
import { describe, expect, it } from 'vitest';
import { fixedClock } from '../../fakes/clock.ts';
import { memorySecrets } from '../../fakes/secrets.ts';

function world(value?: string) {
  const clock = fixedClock();
  const secrets = memorySecrets(value === undefined ? {} : { 'gatehouse/webhooks/okta': value });
  return { clock, secrets, signing: new SigningSecrets({ clock, secrets }, 'gatehouse/webhooks/') };
}
const rotate = (secrets: ReturnType<typeof memorySecrets>, current: string, previous?: string) =>
  secrets.write('gatehouse/webhooks/okta', JSON.stringify({ current, previous }), {});

describe('the secrets of a source', () => {
  it('are one, or two during a rotation', async () => {
    expect(await world('{"current":"a"}').signing.of('okta')).toEqual(['a']);
    expect(await world('{"current":"a","previous":null}').signing.of('okta')).toEqual(['a']);
    expect(await world('{"current":"a","previous":""}').signing.of('okta')).toEqual(['a']);
    expect(await world('{"current":"a","previous":"b"}').signing.of('okta')).toEqual(['a', 'b']);
  });

  it('are none where the source was never set up, and that is kept too', async () => {
    const { signing, secrets } = world();
    expect(await signing.of('okta')).toEqual([]);
    expect(await signing.of('okta')).toEqual([]);
    expect(secrets.calls.read).toBe(1);
  });

  it('are kept for a minute', async () => {
    const { signing, secrets, clock } = world('{"current":"a"}');
    await signing.of('okta');
    await rotate(secrets, 'b', 'a');
    clock.advance(59_999);
    expect(await signing.of('okta')).toEqual(['a']);
    clock.advance(1);
    expect(await signing.of('okta')).toEqual(['b', 'a']);
  });

  it('are asked for anew at most every 10 s, whoever knocks', async () => {
    const { signing, secrets, clock } = world('{"current":"a"}');
    await signing.of('okta');
    await rotate(secrets, 'b');
    expect(await signing.renewed('okta')).toBeUndefined();
    clock.advance(10_000);
    expect(await signing.renewed('okta')).toEqual(['b']);
    for (let knock = 0; knock < 100; knock++) expect(await signing.renewed('okta')).toBeUndefined();
    expect(secrets.calls.read).toBe(2);
  });

  it.each(['', 'a', '"a"', '{}', '{"current":""}', '{"current":7}'])(
    'are refused in the form %j, without a word of the value',
    async (value) => {
      await expect(world(value).signing.of('okta')).rejects.toThrowError(
        'the secret gatehouse/webhooks/okta is not {"current": "...", "previous": "..."}',
      );
    },
  );
});
