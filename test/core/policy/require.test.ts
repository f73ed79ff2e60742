import { PolicyRefusal, requirePolicy } from '@gatehouse/core/policy/require';
import { describe, expect, it } from 'vitest';

const SOUND = `apiVersion: gatehouse/v1
clusters:
  a: { account: "111122223333", region: eu-west-1 }
`;

describe('a document that has to be right', () => {
  it('is a policy', () => expect(requirePolicy(SOUND).clusters.map(({ name }) => name)).toEqual(['a']));

  it.each([
    {
      wrong: 'one thing in a file',
      text: `${SOUND}extra: 1\n`,
      file: 'policy.yaml',
      message: /^policy\.yaml:4:1: extra: [^(]+$/,
      remedy: /^(?!.*gatehouse validate)/,
    },
    {
      wrong: 'one thing in no file',
      text: SOUND.replace('v1', 'v2'),
      message: /^the access policy, line 1, column 13: apiVersion: [^(]+$/,
      remedy: /^(?!.*gatehouse validate)/,
    },
    {
      wrong: 'more in a file',
      text: `${SOUND.replace('v1', 'v2')}extra: 1\n`,
      file: 'policy.yaml',
      message: /^policy\.yaml:1:13: .+ \(and 1 more\)$/,
      remedy: /; "gatehouse validate policy\.yaml" tells all that is wrong$/,
    },
  ])('tells where it is wrong first: $wrong', ({ text, file, message, remedy }) => {
    const read = () => requirePolicy(text, file);
    expect(read).toThrow(
      expect.objectContaining({
        code: 'invalid',
        message: expect.stringMatching(message),
        remedy: expect.stringMatching(remedy),
        cause: expect.any(PolicyRefusal),
      }),
    );
  });
});
