import { type Headers, headerValues } from './impersonation.ts';
import { notAcceptable } from './status.ts';

const SERVED = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const STREAMED = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];

/**
 * Refuses whoever accepts no JSON, which is all that is answered here. The refusal names what kube-apiserver serves.
 * @throws ApiError 406.
 */
export function mustAcceptJson(headers: Headers, isList: boolean): void {
  const accepted = headerValues(headers, 'accept')
    .flatMap((value) => value.split(','))
    .map((one) => one.split(';')[0]!.trim().toLowerCase())
    .filter((type) => type !== '');
  if (accepted.length === 0 || accepted.includes('application/json') || accepted.includes('*/*')) return;
  throw notAcceptable(isList ? [...SERVED, ...STREAMED] : SERVED);
}
