import { verifyChain } from '@gatehouse/core/ledger/ledger';
import { counted } from '../../../terminal/text.ts';
import { entryCells } from '../../../verbs/ledger.ts';
import type { Scene } from './memory.ts';

const SHOWN = 6;

/** Every chain is whole, and its last entries say who got or lost what, and why. */
export async function ledgerAct({ stage, show }: Scene): Promise<void> {
  const { style } = show.output;
  const last = (await stage.entries()).filter(({ kind }) => kind !== 'intent').slice(-SHOWN);
  show.table(
    ['ENTRY', 'TIME', 'WHAT', 'BECAUSE OF', 'CHANGES'],
    last.map((entry) => entryCells(entry, style)),
    [0],
  );
  for (const chain of stage.chains) {
    const entries = await stage.chain(chain);
    const name = chain.replace(/^.*:cluster\//, '');
    show.expect(
      `the chain of ${name} is unbroken, ${counted(entries.length, 'entry', 'entries')}`,
      verifyChain(entries),
      { ok: true },
    );
  }
}
