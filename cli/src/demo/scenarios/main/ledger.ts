import { verifyChain } from '@gatehouse/core/ledger/ledger';
import { placeOf } from '../../../pipeline/narrate.ts';
import { counted } from '../../../terminal/text.ts';
import { entryCells } from '../../../verbs/ledger.ts';
import type { Scene } from './memory.ts';

const SHOWN = 6;

/** Every chain is whole, and its last entries say who got or lost what, and why. */
export async function ledgerAct({ stage, show }: Scene): Promise<void> {
  const { style } = show.output;
  const last = (await stage.entries()).filter(({ kind }) => kind !== 'intent').slice(-SHOWN);
  show.table(
    ['CHAIN', 'ENTRY', 'TIME', 'WHAT', 'BECAUSE OF', 'CHANGES'],
    last.map((entry) => [placeOf(entry.chain), ...entryCells(entry, style)]),
    [1],
  );
  for (const chain of stage.chains) {
    const entries = await stage.chain(chain);
    show.expect(
      `the chain of ${placeOf(chain)} is unbroken, ${counted(entries.length, 'entry', 'entries')}`,
      verifyChain(entries),
      { ok: true },
    );
  }
}
