import { createInterface } from 'node:readline/promises';
import { Failure } from '@gatehouse/core/access/failure';

/**
 * Asks a person one question. @throws Failure `forbidden` where they break it off, with Ctrl-C or Ctrl-D: that is no answer, and
 * none may be taken for one. What else `signal` breaks off throws an AbortError.
 */
export async function askOn(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  question: string,
  signal?: AbortSignal,
): Promise<string> {
  const asking = createInterface({ input, output });
  const brokenOff = new Promise<never>((_, reject) => {
    asking.once('close', () => {
      output.write('\n');
      reject(new Failure('forbidden', 'the question was broken off, so nothing was done'));
    });
  });
  try {
    const answer = await Promise.race([asking.question(question, signal === undefined ? {} : { signal }), brokenOff]);
    asking.removeAllListeners('close');
    return answer;
  } finally {
    asking.close();
  }
}
