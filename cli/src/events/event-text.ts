import type { EventEntry } from '@gatehouse/core/directory/event-log';
import type { Fact } from '@gatehouse/core/directory/fact';
import type { Cell } from '../terminal/columns.ts';
import type { Style } from '../terminal/style.ts';

/** A fact in a few words. */
export function factText(fact: Fact): string {
  switch (fact.type) {
    case 'membership':
      return `${fact.user} ${fact.state === 'present' ? 'is in' : 'is not in'} ${fact.group}`;
    case 'group':
      return `group ${fact.group} ${fact.state}`;
    case 'user': {
      const known = fact.active === undefined ? 'known' : fact.active ? 'enabled' : 'disabled';
      return `user ${fact.user} ${known}`;
    }
    case 'cluster':
      return `cluster ${fact.arn} ${fact.state}`;
    case 'principal':
      return `${fact.principal} ${fact.name} in ${fact.account} ${fact.change}`;
    case 'registration':
      return `registration of ${fact.account}/${fact.region}/${fact.name} ${fact.state}`;
    case 'environment':
      return `environment ${fact.name} ${fact.state}`;
    case 'application':
      return `application ${fact.namespace} on ${fact.environment} ${fact.state}`;
  }
}

/** What an event said, in a line. */
export function saidText({ facts }: Pick<EventEntry, 'facts'>): string {
  return facts.map(factText).join('; ') || '-';
}

/** What became of an event, in its colour; ignored ones with the code of the reason. */
export function outcomeCell({ outcome, reason }: Pick<EventEntry, 'outcome' | 'reason'>, style: Style): Cell {
  const paints = {
    recorded: style.good,
    unchanged: style.dim,
    outdated: style.dim,
    ignored: style.warn,
  };
  return { text: reason === undefined ? outcome : `${outcome} (${reason})`, paint: paints[outcome] };
}
