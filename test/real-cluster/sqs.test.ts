import { afterAll, beforeAll } from 'vitest';
import { queuesOver } from '../contracts/over-aws.ts';
import { queuesContract } from '../contracts/queues.ts';
import { CHECKING, type Emulator, startEmulator } from './emulator.ts';

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator({ env: CHECKING });
});
afterAll(() => emulator?.stop());

queuesContract('the emulator', () => queuesOver(emulator.aws()), {
  'sending > refuses a delay over 900 s': 'the emulator takes any delay',
  'sending > refuses a group id over 128 characters': 'the emulator looks only whether there is one',
  'sending > refuses a deduplication id over 128 characters': 'the emulator looks only whether there is one',
  'a FIFO queue > delivers what is given back again, though a later message of its group is out':
    'the emulator holds a whole group while any message of it is out',
  'a FIFO queue > deletes nothing by a handle whose time is over':
    'the emulator takes a handle until the message is received again, as standard queues do',
});
