import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Clock } from '@gatehouse/core/ports/clock';
import type { FetchIdentity } from '../kubernetes/authenticator.ts';
import { CertificateAuthority } from '../kubernetes/certificates.ts';
import { CLUSTER_ID_HEADER } from '../kubernetes/token.ts';

/** Who answers what a real authenticator asks of AWS. */
export interface AwsFrontOptions {
  /** STS: who signed a presigned URL. */
  readonly identity: FetchIdentity;
  /** EC2: the private DNS name of an instance, by its id. */
  readonly privateDnsName: (instanceId: string) => string | undefined;
  readonly clock: Clock;
}

/** STS and EC2 as they are behind this front. */
export interface AwsFront {
  /** What a program needs in its environment to come here when it means AWS: a proxy, and whom to trust. */
  readonly env: (authorityFile: string) => Readonly<Record<string, string>>;
  /** Certificate of the authority that every host here has a certificate of, PEM. */
  readonly authority: string;
  stop(): Promise<void>;
}

const STS = /^sts(-fips)?\.[a-z0-9-]+\.(amazonaws\.com|api\.aws)$|^sts\.amazonaws\.com$/;
const EC2 = /^ec2\.[a-z0-9-]+\.(amazonaws\.com|api\.aws)$/;

/**
 * Plays `sts.REGION.amazonaws.com` and `ec2.REGION.amazonaws.com` for programs that ask AWS itself and cannot be told another
 * address: an HTTPS proxy on loopback that ends their TLS with certificates of an authority of its own. It connects to nothing;
 * any other host is refused.
 */
export async function startAwsFront({ identity, privateDnsName, clock }: AwsFrontOptions): Promise<AwsFront> {
  const authority = await CertificateAuthority.create('AWS', clock);
  const contexts = new Map<string, Promise<SecureContext>>();
  const contextOf = (host: string) => {
    const known = contexts.get(host) ?? authority.issue(host, [host]).then((pair) => createSecureContext(pair));
    contexts.set(host, known);
    return known;
  };
  const inner = createTlsServer(
    {
      SNICallback: (host, done) => {
        if (!STS.test(host) && !EC2.test(host)) done(new Error(`${host} is not played`));
        else contextOf(host).then((context) => done(null, context), done);
      },
    },
    (request, response) => {
      const host = request.headers.host ?? '';
      const answered = STS.test(host) ? callerIdentity(identity, request) : describeInstances(privateDnsName, request);
      answered.then(
        (answer) => send(response, answer),
        (error: unknown) => send(response, { status: 500, type: 'text/plain', body: String(error) }),
      );
    },
  );
  const proxy = createServer((_request, response) => response.writeHead(405).end());
  proxy.on('connect', (request: IncomingMessage, socket: Socket) => {
    // A client that hangs up needs no answer.
    socket.on('error', () => {});
    const [host = '', port = ''] = (request.url ?? '').split(':');
    if (port !== '443' || (!STS.test(host) && !EC2.test(host))) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    inner.emit('connection', socket);
  });
  const sockets = new Set<Socket>();
  proxy.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    proxy.once('error', reject);
    proxy.listen(0, '127.0.0.1', resolve);
  });
  const { port } = proxy.address() as AddressInfo;
  return {
    authority: authority.ca,
    env: (authorityFile) => ({
      HTTPS_PROXY: `http://127.0.0.1:${port}`,
      SSL_CERT_FILE: authorityFile,
      AWS_EC2_METADATA_DISABLED: 'true',
      // EC2 wants requests to be signed; here nobody looks.
      AWS_ACCESS_KEY_ID: 'AKIACLUSTER',
      AWS_SECRET_ACCESS_KEY: 'nobody checks it',
    }),
    stop: () => closed(proxy, sockets),
  };
}

function closed(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

/** `GET /?Action=GetCallerIdentity&...`, presigned; answered as STS does where JSON is asked for. */
async function callerIdentity(identity: FetchIdentity, { url = '/', headers }: IncomingMessage): Promise<Answer> {
  const cluster = headers[CLUSTER_ID_HEADER];
  const answer = await identity(`https://${headers.host}${url}`, {
    accept: 'application/json',
    ...(typeof cluster === 'string' ? { [CLUSTER_ID_HEADER]: cluster } : {}),
  });
  const type = 'application/json';
  if ('refusal' in answer) {
    const refusal = { Code: 'AccessDenied', Message: answer.refusal, Type: 'Sender' };
    return { status: 403, type, body: JSON.stringify({ Error: refusal, RequestId: 'front' }) };
  }
  const { Account, Arn, UserId } = answer;
  const GetCallerIdentityResponse = {
    GetCallerIdentityResult: { Account, Arn, UserId },
    ResponseMetadata: { RequestId: 'front' },
  };
  return { status: 200, type, body: JSON.stringify({ GetCallerIdentityResponse }) };
}

/** `Action=DescribeInstances&InstanceId.1=...`, of which an authenticator reads the id and the private DNS name. */
async function describeInstances(
  privateDnsName: AwsFrontOptions['privateDnsName'],
  request: IncomingMessage,
): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const parameters = new URLSearchParams(Buffer.concat(chunks).toString());
  const action = parameters.get('Action');
  if (action !== 'DescribeInstances') return { status: 400, type: 'text/plain', body: `EC2 ${action} is not played` };
  const ids = [...parameters].filter(([name]) => name.startsWith('InstanceId.')).map(([, id]) => id);
  const items = ids.flatMap((id) => {
    const name = privateDnsName(id);
    return name === undefined
      ? []
      : [`<item><instanceId>${id}</instanceId><privateDnsName>${name}</privateDnsName></item>`];
  });
  const reservations = `<reservationSet><item><instancesSet>${items.join('')}</instancesSet></item></reservationSet>`;
  const body = `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>front</requestId>${reservations}</DescribeInstancesResponse>`;
  return { status: 200, type: 'text/xml', body };
}
