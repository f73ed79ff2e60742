import { Failure } from '../access/failure.ts';
import type { ApiResponse } from './exchange.ts';

/** What a person does when Kubernetes refuses to let Gatehouse grant more than it has. */
export const BOOTSTRAP_REMEDY = 'apply the bootstrap again: gatehouse bootstrap <cluster> | kubectl apply -f -';

/** The words of Kubernetes' escalation checks (pkg/registry/rbac/validation/rule.go, clusterrole/policybased/storage.go). */
const ESCALATIONS = [
  'attempting to grant RBAC permissions not currently held',
  'must have cluster-admin privileges to use',
] as const;
const MESSAGE_LIMIT = 500;

interface Status {
  readonly message: string;
  readonly reason: string;
  readonly causes: readonly string[];
}

/**
 * The failure that an error answer stands for. `what` names the call: `replace RoleBinding/pay/x`.
 * What the server says is cut and cleared of control characters, since it ends up in logs.
 */
export function failureOf(response: ApiResponse, verb: 'create' | 'other', what: string): Failure {
  const status = statusOf(response.body);
  const said = `Kubernetes answered ${response.status} to ${what}: ${printable(status.message) || 'no message'}`;
  switch (response.status) {
    case 400:
    case 405:
    case 415:
    case 422:
      return new Failure('invalid', said);
    case 401:
      return new Failure('unauthorized', said, {
        remedy:
          'check that the cluster maps the role of Gatehouse to gatehouse-controller; gatehouse bootstrap <cluster> prints how',
      });
    case 403:
      return forbidden(said, status);
    case 404:
      return new Failure('not-found', said);
    case 409:
      // The API server answers 409 with reason Conflict to a create whose quota changed meanwhile.
      return new Failure(verb === 'create' && status.reason !== 'Conflict' ? 'already-exists' : 'conflict', said);
    case 410:
      // A continue token that outlived its list: begin again.
      return new Failure('conflict', said);
    case 413:
      return new Failure('too-large', said);
    case 429:
      return new Failure('throttled', said);
    default:
      return new Failure(response.status >= 500 || response.status === 408 ? 'unreachable' : 'unsupported', said);
  }
}

function forbidden(said: string, status: Status): Failure {
  if (ESCALATIONS.some((words) => status.message.includes(words)))
    return new Failure('escalation', said, { remedy: BOOTSTRAP_REMEDY });
  // A namespace on its way out refuses new objects with 403; it will be gone soon, and then the answer is another.
  const retryable = status.causes.includes('NamespaceTerminating');
  return new Failure('forbidden', said, { remedy: BOOTSTRAP_REMEDY, retryable });
}

function statusOf(body: string): Status {
  const empty: Status = { message: body, reason: '', causes: [] };
  try {
    const parsed: unknown = JSON.parse(body);
    if (parsed === null || typeof parsed !== 'object') return empty;
    const { message, reason, details } = parsed as Record<string, unknown>;
    const causes = (details as { causes?: unknown } | null | undefined)?.causes;
    return {
      message: typeof message === 'string' ? message : '',
      reason: typeof reason === 'string' ? reason : '',
      causes: Array.isArray(causes) ? causes.map((cause: { reason?: unknown } | null) => String(cause?.reason)) : [],
    };
  } catch {
    return empty;
  }
}

function printable(text: string): string {
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return clean.length > MESSAGE_LIMIT ? `${clean.slice(0, MESSAGE_LIMIT)}...` : clean;
}
