import { Failure } from '@gatehouse/core/access/failure';
import type { Json } from '@gatehouse/core/access/json';
import type { Notices } from '@gatehouse/core/ports/notices';

/** A notice as it was published. */
export interface Notice {
  readonly type: string;
  readonly detail: Readonly<Record<string, Json>>;
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html */
const MAX_BYTES = 256 * 1024;

/** Keeps every notice that EventBridge would take, in order, and a failure for every other. */
export function recordingNotices(): Notices & { readonly published: Notice[]; readonly failures: Failure[] } {
  const published: Notice[] = [];
  const failures: Failure[] = [];
  return {
    published,
    failures,
    async publish(notices) {
      for (const notice of structuredClone([...notices])) {
        if (Buffer.byteLength(JSON.stringify(notice.detail)) < MAX_BYTES) published.push(notice);
        else failures.push(new Failure('invalid', `a notice "${notice.type}" is over 256 KiB`));
      }
    },
  };
}
