import chromium from '@sparticuz/chromium';
import { type Browser, chromium as driver, type Page } from 'playwright-core';

/** A Chromium that comes as a package: nothing has to be installed on the machine, and nothing is downloaded. */
export async function startBrowser(): Promise<Browser> {
  return await driver.launch({
    executablePath: await chromium.executablePath(),
    // In one process, as Lambda needs it, it does not survive the closing of a page.
    args: chromium.args.filter((argument) => argument !== '--single-process' && argument !== '--no-zygote'),
    headless: true,
  });
}

/** What a browser has to complain of while it shows a page: errors, what the page's own policy forbids, requests elsewhere. */
export function complaintsOf(page: Page, origin: string): readonly string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) complaints.push(`it asks ${request.url()}`);
  });
  return complaints;
}
