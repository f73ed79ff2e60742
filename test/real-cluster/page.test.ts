import { type Sandbox, startSandbox } from '@gatehouse/sandbox/sandbox';
import type { Browser, Page as Tab } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLUSTER_OBJECTS } from '../../cli/src/demo/clusters.ts';
import { readLogLine } from '../../cli/src/pipeline/log-line.ts';
import { type Page, pageOf } from '../../cli/src/sandbox/page/serve.ts';
import { webhookHeaders } from '../../cli/src/verbs/sign-webhook.ts';
import { complaintsOf, startBrowser } from './browser.ts';

/** Runs, where it is taken for HTML. */
const HOSTILE = '<img/src=x/onerror=document.title=1><script>document.title=2</script>';

let sandbox: Sandbox;
let page: Page | undefined;
let browser: Browser;

beforeAll(async () => {
  [browser, sandbox] = await Promise.all([
    startBrowser(),
    startSandbox({ port: 0, clusterObjects: CLUSTER_OBJECTS, log: (line) => page?.log(readLogLine(line)) }),
  ]);
  page = pageOf(sandbox, () => 'curl to be pasted');
  sandbox.endpoint.page = page.serve;
});

afterAll(async () => {
  page?.stop();
  await browser?.close();
  await sandbox?.stop();
});

/** Sends a signed event on a member of payments-operators. */
async function tell(type: 'added' | 'removed', user: string, login: string): Promise<void> {
  const body = JSON.stringify({
    type: `group.member-${type}`,
    timestamp: new Date().toISOString(),
    data: { group: { id: 'payments-operators' }, user: { id: user, login } },
  });
  const headers = webhookHeaders(sandbox.webhookSecret('standard'), Buffer.from(body), { now: Date.now() });
  const answer = await fetch(`${sandbox.webhookUrl}/standard`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  });
  expect(answer.status).toBe(204);
}

/** The text of a section as a person reads it. */
const textOf = (tab: Tab, id: string) => tab.locator(`#${id}`).innerText();
const shows = (tab: Tab, id: string) => expect.poll(() => textOf(tab, id), { timeout: 30_000, interval: 100 });

describe('the page of the sandbox, in a browser', () => {
  it('shows who joins and who leaves while it stands open, and names as texts', async () => {
    const tab = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const complaints = complaintsOf(tab, sandbox.awsEndpointUrl);
    await tab.goto(`${sandbox.awsEndpointUrl}/`);
    expect(await tab.title()).toBe('Gatehouse sandbox');
    await shows(tab, 'summary').toContain('version 1');
    expect(await textOf(tab, 'clusters')).toMatch(/prod-eu\s+enforce/);
    expect(await textOf(tab, 'clusters')).not.toContain('mia');

    await tell('added', 'mia', 'mia@example.com');
    await shows(tab, 'clusters').toMatch(/mia\s+pay\s+Role payments-operators/);
    await shows(tab, 'events').toMatch(/standard\s+taken in\s+2 new facts/);
    await shows(tab, 'turns').toMatch(/prod-eu\s+verified/);

    await tab.locator('#clusters details').first().locator('summary').click();
    await shows(tab, 'clusters').toContain('role/break-glass');

    await tell('added', HOSTILE, 'nobody@elsewhere.example');
    await shows(tab, 'findings').toContain(HOSTILE);
    expect(await tab.title()).toBe('Gatehouse sandbox');
    expect(await tab.locator('#findings img, #findings script').count()).toBe(0);

    await tell('removed', 'mia', 'mia@example.com');
    await shows(tab, 'clusters').not.toContain('mia');
    // What was opened is open still.
    expect(await textOf(tab, 'clusters')).toContain('role/break-glass');
    expect(complaints).toEqual([]);
    await tab.close();
  });

  it.each([
    { width: 1280, height: 900 },
    { width: 400, height: 800 },
  ])('fits into a window of $width', async (viewport) => {
    const tab = await browser.newPage({ viewport });
    await tab.goto(`${sandbox.awsEndpointUrl}/`);
    const overflow = await tab.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    expect(overflow).toBe(0);
    await tab.close();
  });

  it('says that it is not live any more, and is again once it answers', async () => {
    const tab = await browser.newPage();
    await tab.goto(`${sandbox.awsEndpointUrl}/`);
    const word = () => tab.locator('#live').innerText();
    await expect.poll(word, { timeout: 10_000 }).toBe('live');
    await tab.context().setOffline(true);
    page!.stop();
    await expect.poll(word, { timeout: 10_000 }).toBe('the sandbox does not answer');
    await tab.context().setOffline(false);
    await expect.poll(word, { timeout: 10_000 }).toBe('live');
    await tab.close();
  });
});
