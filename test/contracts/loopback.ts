import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { buildApp } from 'fauxqs';
import { vi } from 'vitest';

/** A server on a free port of 127.0.0.1. */
export interface Loopback {
  readonly endpoint: string;
  close(): Promise<void>;
}

/** Sets the clock of this process forward, and of what is served in it, until `vi.useRealTimers()`. It stands still then. */
export function advanceDate(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000);
}

/** Credentials that no server here checks. */
export const ANY_CREDENTIALS = { region: 'eu-west-1', credentials: { accessKeyId: 'any', secretAccessKey: 'any' } };

/** DynamoDB in process. It has no types of its own. */
export async function startDynalite(): Promise<Loopback> {
  const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server;
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** SQS and S3 in process. */
export async function startFauxqs(): Promise<Loopback> {
  const app = buildApp({ logger: false });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return {
    endpoint: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`,
    close: async () => {
      await app.close();
    },
  };
}
