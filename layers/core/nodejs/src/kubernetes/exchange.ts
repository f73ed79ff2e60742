/** One request to an API server: `path` with its query; `body` is sent as JSON. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

/** The answer of an API server to one request, whatever its status. */
export interface ApiResponse {
  readonly status: number;
  readonly body: string;
}

/** Sends one request as Gatehouse. @throws Failure `unreachable` where no whole answer came. */
export type Exchange = (request: ApiRequest) => Promise<ApiResponse>;
