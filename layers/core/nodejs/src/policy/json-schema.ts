import * as z from 'zod';
import { policyDocument } from './schema.ts';

/**
 * The JSON Schema of the access policy document, for editors: published as `docs/policy.schema.json`. It knows the document's
 * shape; what `readPolicy` checks beyond that (names that must exist, one of several fields) it cannot say.
 */
export function policyJsonSchema(): object {
  return {
    ...z.toJSONSchema(policyDocument, { target: 'draft-2020-12', unrepresentable: 'throw' }),
    title: 'Gatehouse access policy (gatehouse/v1)',
  };
}
