import { Failure } from '@gatehouse/core/access/failure';

/** What start-up fails with where the template says something that the sandbox does not play. `where` is a path in the template. */
export function refusal(where: string, why: string, cause?: unknown): Failure {
  return new Failure('unsupported', `${where}: ${why}`, {
    remedy: 'write it with what the sandbox plays, or teach sandbox/src/template/ the new wire',
    ...(cause === undefined ? {} : { cause }),
  });
}
