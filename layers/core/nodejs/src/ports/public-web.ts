/** What came of asking for a page of the public internet. */
export type WebAnswer =
  | { readonly ok: true; readonly body: string }
  | { readonly ok: false; readonly problem: WebProblem; readonly message: string };

/**
 * Why there is no page: `not-https`; `not-public`, the host's name leads to addresses that are not of the internet;
 * `unreachable`, nobody answers there in time or whom nobody vouches for; `refused`, it answers something else than the page.
 */
export type WebProblem = 'not-https' | 'not-public' | 'unreachable' | 'refused';

/** Pages of the public internet, read as strangers name them: never from inside, never more than is asked for. */
export interface PublicWeb {
  /** Reads a page. Redirects are not followed. Never throws. */
  get(url: string): Promise<WebAnswer>;
}
