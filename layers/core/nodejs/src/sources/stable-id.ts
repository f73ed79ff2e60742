import * as z from 'zod';
import { ID_LIMIT } from '../directory/items.ts';

/**
 * A provider's id of a user or group, which becomes part of a key: at most what the directory keeps, no white space, no
 * control characters, no lone surrogates. Whatever else stands in it (`/`, `#`, `system:masters`) is data, and stays data.
 */
export const stableId = z
  .string()
  .regex(/^[\p{L}\p{M}\p{N}\p{P}\p{S}]+$/u, 'is not an id of visible characters')
  .refine((id) => Buffer.byteLength(id) <= ID_LIMIT, `is longer than ${ID_LIMIT} bytes`);

/** The id of an event or delivery, which becomes part of a key: printable ASCII. */
export const eventId = z.string().regex(/^[\x21-\x7e]{1,256}$/, 'is not an id of 1 to 256 printable ASCII characters');

/** A text of at most `max` characters without control characters and lone surrogates. */
export const plainText = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'holds a control character or half a character');

/** A login or mail address; longer than any that a provider allows is refused. */
export const login = plainText(320).min(1);

/** A time in ISO 8601 with its zone, as milliseconds UTC. */
export const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
