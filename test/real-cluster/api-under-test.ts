import { type ApiUnderTest, TOKEN_HOLDERS } from '../contracts/kubernetes-api/api.ts';
import type { CleanCluster } from './clean-cluster.ts';

/** The token of a user who has one. */
export const tokenOf = (username: string): string => `token-of-${username}`;

/** Who has a token, as a real cluster is told of them. */
export const USERS = Object.fromEntries(
  TOKEN_HOLDERS.map(({ username, groups }) => [tokenOf(username), { username, groups }]),
);

/** The API of a real cluster that was started with {@link USERS}. Its state is that of the beginning again when it is closed. */
export function apiUnderTest(cluster: CleanCluster): ApiUnderTest {
  return {
    request: (who, method, url, body, headers = {}) => {
      if (TOKEN_HOLDERS.some(({ username }) => username === who.username)) {
        return cluster.send({ token: tokenOf(who.username), method, url, body, headers });
      }
      // Anybody else is impersonated, which only the headers of one request can do at a time.
      const as = { 'impersonate-user': who.username, 'impersonate-group': who.groups };
      const token = cluster.identity.operatorToken;
      return cluster.send({ token, method, url, body, headers: { ...headers, ...as } });
    },
    close: () => cluster.clean(),
  };
}
