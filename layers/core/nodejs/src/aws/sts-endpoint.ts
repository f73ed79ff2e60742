import type { STSClient } from '@aws-sdk/client-sts';

/**
 * The public, regional endpoint of STS, which is where the authenticator of an EKS cluster asks who signed a token:
 * `https://sts.eu-west-1.amazonaws.com`. It takes no other host (aws-iam-authenticator `pkg/token/token.go`, `verifyHost`), so
 * an endpoint that the environment or a profile names for the SDK's own calls does not count here.
 */
export async function stsEndpoint({ config }: Pick<STSClient, 'config'>): Promise<string> {
  const Region = await config.region();
  const { url } = config.endpointProvider({ Region, UseFIPS: false, UseDualStack: false, UseGlobalEndpoint: false });
  return url.origin;
}
