import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { askOn } from '../../cli/src/terminal/ask.ts';

describe('a question', () => {
  it('gives the line that is typed', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const answer = askOn(input, output, 'Sure? ');
    input.write('yes\n');
    expect(await answer).toBe('yes');
    expect(String(output.read())).toBe('Sure? ');
  });

  it('is no answer where it is broken off, half a line typed or none', async () => {
    for (const typed of ['', 'ye']) {
      const input = new PassThrough();
      const answer = askOn(input, new PassThrough(), 'Sure? ');
      input.end(typed);
      await expect(answer).rejects.toMatchObject({ code: 'forbidden', message: expect.stringContaining('broken off') });
    }
  });
});
