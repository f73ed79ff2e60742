import { describe, expect, it, onTestFinished } from 'vitest';
import { type Answer, type RequestHeaders, refused } from './api.ts';

/** An API server on the wire. */
export interface ServerUnderTest {
  /** Sends a request with exactly these headers; without a body, a GET. */
  send(url: string, headers: RequestHeaders, body?: string): Promise<Answer>;
  /** A token that is accepted, of somebody without rights. */
  readonly token: string;
  close?(): void | Promise<void>;
}

/** Who gets in, as on EKS. */
export function authenticationContract(name: string, make: () => ServerUnderTest | Promise<ServerUnderTest>): void {
  const server = async () => {
    const under = await make();
    onTestFinished(async () => under.close?.());
    return under;
  };
  const nobody = refused(401, 'Unauthorized');

  describe(`authentication: ${name}`, () => {
    it.each<[string, RequestHeaders]>([
      ['no token', {}],
      ['a token that is refused', { authorization: 'Bearer thief' }],
      ['another scheme', { authorization: 'Basic YWRtaW46' }],
      ['an empty token', { authorization: 'Bearer ' }],
    ])('answers 401 to %s', async (_title, headers) => {
      const { send } = await server();
      for (const url of ['/api/v1/namespaces', '/version', '/nowhere', '/healthz/../api/v1/namespaces']) {
        expect(await send(url, headers)).toEqual(nobody);
      }
    });

    it('lets in who has a token, however its scheme is spelt', async () => {
      const { send, token } = await server();
      for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
        expect((await send('/version', { authorization: `${scheme} ${token}` })).status).toBe(200);
      }
    });

    it('tells everybody that it lives, and who brings a wrong token nothing', async () => {
      const { send } = await server();
      for (const url of ['/healthz', '/livez', '/readyz']) {
        expect(await send(url, {})).toEqual({ status: 200, body: 'ok' });
        expect(await send(url, { authorization: 'Basic YWRtaW46' })).toEqual({ status: 200, body: 'ok' });
        expect(await send(url, { authorization: 'Bearer thief' })).toEqual(nobody);
      }
    });

    it('lets nobody be somebody else who is nobody', async () => {
      const { send } = await server();
      const headers = { 'impersonate-user': 'admin', 'impersonate-group': 'system:masters' };
      expect(await send('/api/v1/namespaces', headers)).toEqual(nobody);
      expect((await send('/healthz', headers)).status).toBe(403);
    });

    it('reads no body beyond its limit', async () => {
      const { send, token } = await server();
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const url = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
      const large = await send(url, headers, ' '.repeat(3 * 1024 * 1024 + 1)).catch((error) => error);
      // Who still writes when the answer comes may not get to read it.
      if (large instanceof Error) expect((large as NodeJS.ErrnoException).code).toMatch(/^(ECONNRESET|EPIPE)$/);
      else expect(large).toMatchObject(refused(413, 'Request entity too large: limit is 3145728'));
      expect((await send('/healthz', {})).status).toBe(200);
    });
  });
}
