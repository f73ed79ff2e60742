import { clusterToken } from '@gatehouse/core/aws/cluster-token';
import { publicSts } from './kubernetes/token.ts';

/*
 * The credential plugin of the sandbox's kubeconfigs: prints a token of whoever's keys are in the environment.
 * Arguments: name of the cluster, Region. Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */

const [cluster = '', region = ''] = process.argv.slice(2);
const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_SESSION_TOKEN } = process.env;
const now = Date.now();
const token = await clusterToken({
  cluster,
  region,
  endpoint: publicSts(region),
  credentials: {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}),
  },
  now,
});
const expirationTimestamp = new Date(now + 14 * 60_000).toISOString();
console.log(
  JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: {},
    status: { token, expirationTimestamp },
  }),
);
