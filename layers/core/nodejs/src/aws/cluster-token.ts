import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';

/** Credentials of AWS. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** How long a cluster accepts a token, in milliseconds from its signature on (aws-iam-authenticator `pkg/token/token.go`). */
export const CLUSTER_TOKEN_LIFETIME_MS = 15 * 60 * 1000;

/**
 * The bearer token by which EKS knows an IAM principal: the presigned URL of an STS GetCallerIdentity, which carries the
 * cluster's name in a signed header, in base64url without padding.
 *
 *     k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtd2VzdC0xLmFtYXpvbmF3cy5jb20vP0FjdGlvbj1HZXRDYWxsZXJJZGVudGl0eS...
 *
 * @param endpoint Regional endpoint of STS: `https://sts.eu-west-1.amazonaws.com`.
 * @see https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/pkg/token/token.go
 */
export async function clusterToken(options: {
  cluster: string;
  region: string;
  endpoint: string;
  credentials: AwsCredentials;
  /** Milliseconds, UTC. */
  now: number;
}): Promise<string> {
  const { cluster, region, endpoint, credentials, now } = options;
  const { protocol, hostname, port } = new URL(endpoint);
  const signer = new SignatureV4({ service: 'sts', region, credentials, sha256: Sha256 });
  const signed = await signer.presign(
    {
      method: 'GET',
      protocol,
      hostname,
      ...(port === '' ? {} : { port: Number(port) }),
      path: '/',
      query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
      headers: { host: port === '' ? hostname : `${hostname}:${port}`, 'x-k8s-aws-id': cluster },
    },
    { expiresIn: 60, signingDate: new Date(now) },
  );
  const url = new URL('/', endpoint);
  for (const [name, value] of Object.entries(signed.query ?? {})) url.searchParams.set(name, String(value));
  return `k8s-aws-v1.${Buffer.from(url.href).toString('base64url')}`;
}
