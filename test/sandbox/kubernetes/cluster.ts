import { ApiState } from '../../../sandbox/src/kubernetes/api-state.ts';
import type { UserInfo } from '../../../sandbox/src/kubernetes/authorizer.ts';
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

/** Sends one request: `url` with its query, `body` as JSON unless it is a text. */
export function send(
  state: ApiState,
  who: UserInfo,
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string | readonly string[]> = {},
): { status: number; body: Answer } {
  const [path = '', query = ''] = url.split('?');
  const sent = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
  return state.handle({ method, path, query: new URLSearchParams(query), headers, ...sent }, who);
}

/** Gives a user rules in a namespace, or in the whole cluster. */
export function grant(state: ApiState, username: string, rules: readonly object[], namespace?: string): void {
  const where = namespace === undefined ? {} : { namespace };
  const kind = namespace === undefined ? 'ClusterRole' : 'Role';
  const metadata = { name: `of-${username}`, ...where };
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  state.seed({ apiVersion, kind, metadata, rules });
  const roleRef = { kind, name: metadata.name };
  state.seed({ apiVersion, kind: `${kind}Binding`, metadata, roleRef, subjects: [{ kind: 'User', name: username }] });
}
