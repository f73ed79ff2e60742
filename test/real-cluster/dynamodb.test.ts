import { afterAll, beforeAll } from 'vitest';
import { tableOver } from '../contracts/over-aws.ts';
import { tableContract } from '../contracts/table.ts';
import { CHECKING, type Emulator, startEmulator } from './emulator.ts';

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator({ env: CHECKING });
});
afterAll(() => emulator?.stop());

tableContract('the emulator', () => tableOver(emulator.aws()));
