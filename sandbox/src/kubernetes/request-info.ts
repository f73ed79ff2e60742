import { selectedName } from './field-selectors.ts';
import { pathSegmentProblems } from './names.ts';

/** What a request is about, as kube-apiserver reads it off method, path and query before it authorises it. */
export type RequestInfo =
  | { readonly type: 'path'; readonly verb: string; readonly path: string }
  | {
      readonly type: 'resource';
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      /** Empty at the cluster scope, or over all namespaces. */
      readonly namespace: string;
      readonly resource: string;
      readonly subresource: string;
      readonly name: string;
    };

const VERBS = new Map([
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['POST', 'create'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);

/**
 * Reads a request, whose path is still escaped, as `apiserver/pkg/endpoints/request/requestinfo.go` does. So a namespace's own name is also its namespace,
 * a create has no name, and a list that a field selector narrows to one name is authorised for that name.
 * @throws URIError where the path is wrongly escaped.
 */
export function readRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const parts = decodeURIComponent(path)
    .replace(/^\/+|\/+$/g, '')
    .split('/');
  const asPath: RequestInfo = { type: 'path', verb: method.toLowerCase(), path };
  const group = parts[0] === 'apis' ? parts[1] : '';
  const rest = parts[0] === 'apis' ? parts.slice(2) : parts[0] === 'api' ? parts.slice(1) : [];
  const version = rest[0];
  if (group === undefined || version === undefined || rest.length < 2) return asPath;
  let verb = VERBS.get(method) ?? '';
  let segments = rest.slice(1);
  if (segments[0] === 'watch' || segments[0] === 'proxy') {
    if (segments.length < 2) return asPath;
    verb = segments[0];
    segments = segments.slice(1);
  }
  let namespace = '';
  if (segments[0] === 'namespaces' && segments.length > 1) {
    namespace = segments[1]!;
    const own = segments.length === 2 || segments[2] === 'status' || segments[2] === 'finalize';
    if (!own) segments = segments.slice(2);
  }
  const [resource = '', name = '', subresource = ''] = segments;
  return {
    type: 'resource',
    group,
    version,
    namespace,
    resource,
    subresource,
    ...namedVerb(verb, name, query),
  };
}

function namedVerb(verb: string, name: string, query: URLSearchParams): { verb: string; name: string } {
  if (name !== '') return { verb, name };
  if (verb === 'delete') return { verb: 'deletecollection', name };
  if (verb !== 'get') return { verb, name };
  const watch = query.get('watch');
  const watching = watch !== null && !['0', 'false'].includes(watch.toLowerCase());
  const selected = selectedName(query.get('fieldSelector') ?? '') ?? '';
  const isSegment = pathSegmentProblems(selected).length === 0;
  return { verb: watching ? 'watch' : 'list', name: isSegment ? selected : '' };
}
