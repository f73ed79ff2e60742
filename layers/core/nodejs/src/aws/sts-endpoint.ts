import { GetCallerIdentityCommand, type STSClient } from '@aws-sdk/client-sts';

/**
 * The endpoint that an STS client would call: regional, unless the environment or the shared configuration say otherwise.
 * Asked of the SDK itself, by preparing a request and not sending it, so that no rule is written twice.
 */
export async function stsEndpoint(client: STSClient): Promise<string> {
  const command = new GetCallerIdentityCommand({});
  let endpoint = '';
  command.middlewareStack.add(
    () => async (args) => {
      const request = args.request as { protocol: string; hostname: string; port?: number };
      endpoint = `${request.protocol}//${request.hostname}${request.port === undefined ? '' : `:${request.port}`}`;
      return { response: {}, output: { $metadata: {} } };
    },
    { step: 'build', priority: 'low', name: 'keepEndpoint' },
  );
  await client.send(command);
  return endpoint;
}
