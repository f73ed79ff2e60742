import { expect } from 'vitest';
import { CONFIG_MAPS, NAMESPACES, refused } from './api.ts';
import type { Suite } from './contract.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const DISCOVERY = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
const SERVED = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';

/** In which form an answer comes. */
export const representations: Suite = (it) => {
  for (const accept of [
    'application/json',
    '*/*',
    '',
    'application/xml, application/json;q=0.5',
    'text/html, */*;q=0.1',
    `${TABLE},application/json`,
    DISCOVERY,
  ]) {
    it(`is served to who accepts ${JSON.stringify(accept)}`, async ({ admin }) => {
      expect((await admin.get(`${NAMESPACES}/default`, { accept })).status).toBe(200);
      expect((await admin.get('/api/v1', { accept })).status).toBe(200);
    });
  }

  for (const accept of ['text/html', 'text/plain', 'application/cbor', 'x']) {
    it(`is not served to who accepts only ${accept}`, async ({ admin }) => {
      const message = `406: Not Acceptable\n\nAvailable representations: ${SERVED}`;
      for (const url of [`${NAMESPACES}/default`, `${NAMESPACES}/none`, '/api/v1']) {
        expect(await admin.get(url, { accept })).toMatchObject(refused(406, message, 'NotAcceptable'));
      }
      const streams = ', application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch';
      expect(await admin.get(CONFIG_MAPS, { accept })).toMatchObject(refused(406, message + streams, 'NotAcceptable'));
      expect((await admin.get('/healthz', { accept })).status).toBe(200);
    });
  }

  it('is a table for who wants one', async ({ admin }) => {
    expect((await admin.get(CONFIG_MAPS, { accept: `${TABLE},application/json` })).body).toMatchObject({
      kind: 'Table',
    });
  });

  it('is YAML for who wants that', async ({ admin }) => {
    const { body } = await admin.get(`${NAMESPACES}/default`, { accept: 'application/yaml' });
    expect(body).toMatch(/^apiVersion: v1\nkind: Namespace\n/);
  });

  it('is protobuf for who wants that', async ({ admin }) => {
    const { body } = await admin.get(`${NAMESPACES}/default`, { accept: 'application/vnd.kubernetes.protobuf' });
    expect(body).toMatch(/^k8s\0/);
  });

  it('is one document of all groups for who wants that', async ({ admin }) => {
    expect((await admin.get('/apis', { accept: DISCOVERY })).body).toMatchObject({ kind: 'APIGroupDiscoveryList' });
  });
};
