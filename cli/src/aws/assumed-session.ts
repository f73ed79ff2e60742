import { AssumeRoleCommand, type STSClient } from '@aws-sdk/client-sts';
import { parsePrincipalArn } from '@gatehouse/core/access/arn';
import { Failure, isFailure } from '@gatehouse/core/access/failure';
import type { AwsCredentials } from '@gatehouse/core/aws/cluster-token';
import { orFailure } from '@gatehouse/core/aws/failures';
import { identityOf } from './caller.ts';

/** A session of a role, and the name under which its trust took the caller. */
export interface AssumedSession {
  readonly sessionName: string;
  readonly credentials: AwsCredentials;
}

/**
 * Assumes a shared role. A trust document that lists its members demands the user's name as the session's, one that opens to
 * an account the user's unique id: the second is tried where the first is refused.
 * @throws Failure `forbidden` where its trust takes the caller under neither, `invalid` where the caller has no name.
 */
export async function assumedSession(sts: STSClient, roleArn: string, sessionName?: string): Promise<AssumedSession> {
  const { arn, userId } = await identityOf(sts);
  const { type, name, session } = parsePrincipalArn(arn);
  const names =
    sessionName !== undefined
      ? [sessionName]
      : type === 'user'
        ? [name, userId]
        : type === 'assumed-role' && session !== undefined
          ? [session]
          : [];
  if (names.length === 0) {
    throw new Failure('invalid', `${arn} has no name that a session could bear`, {
      remedy: 'give one: --session-name',
    });
  }
  let refusal: unknown;
  for (const each of names) {
    try {
      return { sessionName: each, credentials: await assume(sts, roleArn, each) };
    } catch (error) {
      if (!isFailure(error, 'forbidden')) throw error;
      refusal ??= error;
    }
  }
  throw new Failure('forbidden', `${arn} may not assume ${roleArn}`, {
    cause: refusal,
    remedy: 'ask for membership in the grant; if you are a member, look at "gatehouse status"',
  });
}

async function assume(sts: STSClient, RoleArn: string, RoleSessionName: string): Promise<AwsCredentials> {
  const { Credentials: given } = await orFailure(`assuming ${RoleArn}`, () =>
    sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName })),
  );
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = given ?? {};
  if (!AccessKeyId || !SecretAccessKey || !SessionToken) {
    throw new Failure('unreachable', `assuming ${RoleArn} brought no credentials`);
  }
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    ...(Expiration === undefined ? {} : { expiration: Expiration }),
  };
}
