import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { Failure } from '@gatehouse/core/access/failure';
import { CLIENT_DEFAULTS } from '@gatehouse/core/aws/client-defaults';
import type { AwsCredentials } from '@gatehouse/core/aws/cluster-token';
import { orFailure } from '@gatehouse/core/aws/failures';
import type { AwsOptions } from './options.ts';

/** Who calls AWS, and where. */
export interface Caller {
  readonly region: string;
  readonly credentials: () => Promise<AwsCredentials>;
  readonly sts: STSClient;
}

const silent = () => {};
/** Beside keys in the environment, the SDK warns, into each kubectl, that a profile wins. A profile is what was asked for. */
const WITHOUT_WARNING = { logger: { debug: silent, info: silent, warn: silent, error: silent } };

const SANDBOX_REMEDY = 'with a sandbox: run the ". .../env" line that it printed';

/**
 * Finds credentials and Region as every AWS tool does: options, environment, shared configuration, roles. Whoever is known already
 * is not looked for again: a role would be assumed, a program asked, once more.
 * @throws Failure `invalid` without a Region, `unauthorized` without credentials.
 */
export async function callerOf({ profile, region, caller }: AwsOptions): Promise<Caller> {
  if (caller) return caller;
  const sts = new STSClient({
    ...CLIENT_DEFAULTS,
    ...(profile === undefined ? {} : { profile }),
    ...WITHOUT_WARNING,
    ...(region === undefined ? {} : { region }),
  });
  const found = await sts.config.region().catch((cause: unknown) => {
    const remedy = `name it with --region, or set AWS_REGION; ${SANDBOX_REMEDY}`;
    throw new Failure('invalid', 'no AWS Region is known', { remedy, cause });
  });
  const credentials = async () => {
    try {
      return await sts.config.credentials();
    } catch (cause) {
      const remedy = `sign in (aws configure, aws sso login) or name a --profile; ${SANDBOX_REMEDY}`;
      throw new Failure('unauthorized', 'no AWS credentials were found', { remedy, cause, retryable: false });
    }
  };
  await credentials();
  return { region: found, credentials, sts };
}

/** As whom AWS knows a caller. */
export interface Identity {
  readonly arn: string;
  readonly account: string;
  /** Unique id; of a session with its name. */
  readonly userId: string;
}

/** Asks STS who is calling. */
export async function identityOf(sts: STSClient): Promise<Identity> {
  const { Arn, Account, UserId } = await orFailure('asking STS who is calling', () =>
    sts.send(new GetCallerIdentityCommand({})),
  );
  return { arn: Arn ?? '', account: Account ?? '', userId: UserId ?? '' };
}

/** The ARN by which AWS knows the caller. */
export async function whoAmI(options: AwsOptions): Promise<string> {
  const { sts } = await callerOf(options);
  return (await identityOf(sts)).arn;
}
