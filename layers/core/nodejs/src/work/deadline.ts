import { Failure } from '../access/failure.ts';
import type { Clock } from '../ports/clock.ts';

/**
 * The same port, which starts no call any more once `deadline` (milliseconds, UTC) is reached: every method then rejects
 * with Failure `deadline`. What was started before goes on. Only for ports all of whose methods answer promises.
 *
 * A turn that lost its lease's time must not write: another worker may hold the target by then.
 */
export function untilDeadline<T extends object>(port: T, clock: Clock, deadline: number): T {
  // The proxy stands over an empty object: over a frozen port, a proxy may not answer anything but the port's own members.
  return new Proxy({} as T, {
    has: (_empty, name) => Reflect.has(port, name),
    get(_empty, name) {
      const member: unknown = Reflect.get(port, name);
      if (typeof member !== 'function') return member;
      return (...parameters: unknown[]) => {
        if (clock.now() < deadline) return member.apply(port, parameters);
        return Promise.reject(
          new Failure('deadline', `${String(name)} was not started, because the time of this turn is over`),
        );
      };
    },
  });
}
