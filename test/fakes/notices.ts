import type { Json } from '@gatehouse/core/access/json';
import type { Notices } from '@gatehouse/core/ports/notices';

/** A notice as it was published. */
export interface Notice {
  readonly type: string;
  readonly detail: Readonly<Record<string, Json>>;
}

/** Keeps every notice, in order. */
export function recordingNotices(): Notices & { readonly published: Notice[] } {
  const published: Notice[] = [];
  return {
    published,
    async publish(notices) {
      published.push(...structuredClone([...notices]));
    },
  };
}
