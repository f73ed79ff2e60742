import { Failure, type FailureCode } from '@gatehouse/core/access/failure';
import type { Json } from '@gatehouse/core/access/json';
import { invokeFunction } from '@gatehouse/core/aws/invoke-function';
import type { Operation } from '@gatehouse/core/operations/operation';
import { type Format, isForPrograms } from '../terminal/answer.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { type Caller, callerOf } from './caller.ts';
import type { AwsOptions } from './options.ts';

/** The function's name in the template. */
const FUNCTION_NAME = 'gatehouse-run-operation';

/** The function's own time-out, and some for the way. */
const TIMEOUT_MS = 65_000;

/** Asks Gatehouse to run an operation, and gives what came of it. @throws Failure what Gatehouse or Lambda refuses. */
export type RunOperation = <Outcome>(operation: Operation) => Promise<Outcome>;

/** What `run-operation` answers. */
type Answer =
  | { readonly ok: true; readonly outcome: Json }
  | {
      readonly ok: false;
      readonly error: { readonly code: string; readonly message: string; readonly remedy?: string };
    };

/** Invokes a function by its name. `timeout` in milliseconds. @throws Failure what Lambda refuses, or the function failed of. */
export type InvokeByName = (functionName: string, payload: Json, timeout: number) => Promise<Json>;

/** Functions of the account and Region (or `AWS_ENDPOINT_URL`) that the caller's credentials reach. */
export async function invocationsOf(options: AwsOptions, { env }: Pick<Terminal, 'env'>): Promise<InvokeByName> {
  const caller = await callerOf(options);
  return async (functionName, payload, timeout) =>
    invokeFunction({
      functionName,
      payload,
      region: caller.region,
      endpoint: lambdaEndpoint(caller, env),
      credentials: await caller.credentials(),
      now: Date.now(),
      timeout,
    }).catch((error: unknown) => {
      throw withRemedy(error, caller, env, functionName);
    });
}

/**
 * Operations through the function of the Gatehouse that is reached so. One that takes long is told on the terminal, unless a
 * program reads what is asked for (`output`).
 */
export async function operationsOf(
  options: AwsOptions & { readonly output?: Format },
  { env, progress }: Pick<Terminal, 'env' | 'progress'>,
  { functionName = FUNCTION_NAME, timeout = TIMEOUT_MS }: { functionName?: string; timeout?: number } = {},
): Promise<RunOperation> {
  const invoke = await invocationsOf(options, { env });
  const quiet = isForPrograms(options.output);
  return async <Outcome>(operation: Operation) => {
    const asking = () => invoke(functionName, operation as unknown as Json, timeout);
    return outcomeOf<Outcome>(await progress.during(`asking Gatehouse (${operation.operation})`, asking, { quiet }));
  };
}

/** What came of an operation. @throws Failure what Gatehouse refused. */
export function outcomeOf<Outcome>(answer: Json): Outcome {
  const answered = answer as unknown as Answer;
  if (answered.ok) return answered.outcome as Outcome;
  const { code, message, remedy } = answered.error;
  throw new Failure(code as FailureCode, message, remedy === undefined ? {} : { remedy });
}

function lambdaEndpoint({ region }: Caller, env: Terminal['env']): string {
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return env.AWS_ENDPOINT_URL_LAMBDA || env.AWS_ENDPOINT_URL || `https://lambda.${region}.${suffix}`;
}

function withRemedy(error: unknown, { region }: Caller, env: Terminal['env'], functionName: string): unknown {
  if (!(error instanceof Failure) || error.remedy !== undefined) return error;
  const remedies: Partial<Record<FailureCode, string>> = {
    'not-found': `Gatehouse does not run in this account and Region (${region}): check --profile and --region`,
    forbidden: `ask for lambda:InvokeFunction on the function ${functionName}`,
    unauthorized: 'sign in again; for a sandbox, load the environment that it printed: it changes with every start',
    unreachable: env.AWS_ENDPOINT_URL
      ? `nothing answers at AWS_ENDPOINT_URL (${env.AWS_ENDPOINT_URL}): start the sandbox, or unset it to reach AWS`
      : 'check the network',
  };
  const remedy = remedies[error.code];
  return remedy === undefined ? error : new Failure(error.code, error.message, { remedy, cause: error.cause });
}
