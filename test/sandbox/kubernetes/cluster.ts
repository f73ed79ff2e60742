import { ApiState } from '../../../sandbox/src/kubernetes/api-state.ts';
import type { UserInfo } from '../../../sandbox/src/kubernetes/authorizer.ts';
import { readQuery, warningHeader } from '../../../sandbox/src/kubernetes/server.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { countingRandom } from '../../fakes/random.ts';

/** A JSON object of which a test reads what it wants. */
// biome-ignore lint/suspicious/noExplicitAny: answers are compared, not used.
export type Answer = any;

export const ADMIN: UserInfo = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };
export const user = (username: string, ...groups: string[]): UserInfo => ({
  username,
  groups: [...groups, 'system:authenticated'],
});

export const RBAC = '/apis/rbac.authorization.k8s.io/v1';
export const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

export const newState = () => new ApiState({ clock: fixedClock(), random: countingRandom() });

/** Sends one request: `url` with its query, `body` as JSON unless it is a text or bytes. */
export function send(
  state: ApiState,
  who: UserInfo,
  method: string,
  url: string,
  body?: unknown,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): { status: number; body: Answer; warning?: string } {
  const [path = '', query = ''] = url.split('?');
  const whole = typeof body === 'string' || body instanceof Uint8Array;
  const sent = body === undefined ? {} : { body: whole ? body : JSON.stringify(body) };
  const request = { method, path, query: readQuery(query), headers, ...sent };
  const { warnings = [], ...answer } = state.handle(request, who);
  return { ...answer, ...(warnings.length > 0 ? { warning: warningHeader(warnings).join(', ') } : {}) };
}
