import {
  type Caller,
  type Identification,
  identify,
  type MappedIdentity,
  readAwsAuth,
} from '@gatehouse/core/effective-access/aws-auth';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIXTURES } from '../core/resources/aws-auth/fixtures.ts';
import { type AuthenticatorOracle, type RealAnswer, startAuthenticatorOracle } from './authenticator-oracle.ts';
import { type AwsAuthData, awsAuthData, forUsers } from './aws-auth-documents.ts';
import { CALLERS, callerOf, callersNamedIn } from './callers.ts';
import { compare, shown, Tally } from './compare.ts';

let authenticator: AuthenticatorOracle;
beforeAll(async () => {
  authenticator = await startAuthenticatorOracle();
});
afterAll(() => authenticator?.stop());

const tally = new Tally();

/** Who is worth asking about a document, and some that it does not name. */
const documents = fc.record({ data: awsAuthData(), others: fc.subarray([...CALLERS], { maxLength: 3 }) });

describe('whom aws-auth makes of a caller', () => {
  it('is the same to the model and to the real authenticator, whatever aws-auth holds', async () => {
    await compare(
      {
        of: 'documents',
        cases: documents,
        runs: 1_250,
        difference: ({ data, others }) => {
          const named = callersNamedIn(Object.values(data).join('\n'));
          return differenceOf(data, [...new Set([...named, ...others])]);
        },
      },
      tally,
    );
  });

  it.each(FIXTURES)('is the same for $name', async ({ text, recorded }) => {
    const callers = [...callersNamedIn(text), ...recorded.map(([arn]) => callerOf(arn))];
    expect(await differenceOf({ mapRoles: text }, callers)).toBeUndefined();
    expect(await differenceOf({ mapUsers: forUsers(text) }, callers)).toBeUndefined();
  });
});

/** Puts a document in force and asks about all callers at once; what differs for the first of them. */
async function differenceOf(data: AwsAuthData, callers: readonly Caller[]): Promise<string | undefined> {
  await authenticator.put(data);
  const mappings = readAwsAuth(data);
  const differences = await Promise.all(
    callers.map(async (caller) => {
      const real = await authenticator.ask(caller);
      const model = identify(
        mappings,
        { ...caller, accessKeyId: authenticator.accessKeyOf(caller) },
        authenticator.privateDnsName,
      );
      tally.count('callers', !('denied' in real));
      return agree(model, real) ? undefined : { caller, model, real };
    }),
  );
  const first = differences.find((one) => one !== undefined);
  if (first === undefined) return undefined;
  const { caller, model, real } = first;
  return shown({ 'aws-auth': data, caller, model, real, 'what the model says of aws-auth': mappings.problems });
}

function agree(model: Identification, real: RealAnswer): boolean {
  if ('ambiguous' in model) return model.ambiguous.some((one) => agree(one, real));
  if ('denied' in model || 'denied' in real) return 'denied' in model && 'denied' in real;
  return JSON.stringify(comparable(model)) === JSON.stringify(real);
}

function comparable({ username, groups, canonicalArn, sessionName = '' }: MappedIdentity): RealAnswer {
  return { username, groups, canonicalArn, sessionName };
}
