import { afterAll, beforeAll } from 'vitest';
import { secretsOver } from '../contracts/over-aws.ts';
import { secretsContract } from '../contracts/secrets.ts';
import { CHECKING, type Emulator, startEmulator } from './emulator.ts';

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator({ env: CHECKING });
});
afterAll(() => emulator?.stop());

secretsContract('the emulator', () => secretsOver(emulator.aws()), {
  'a value over 64 KiB is refused, and the error does not hold it': 'the emulator knows no limit of size',
  'a name that Secrets Manager does not take is refused': 'the emulator takes any name',
});
