/**
 * Parses a body that was authenticated before. `undefined` where it is not UTF-8 or not JSON, which no JSON text means.
 */
export function parseJsonBody(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}
