/** An error as an AWS service answers it. How it is written on the wire depends on the service's protocol. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
  }
}

/** What the sandbox answers to a call that it does not play; the message names it. */
export function notPlayed(what: string): AwsError {
  return new AwsError('NotImplemented', `the sandbox does not play ${what}`, 501);
}
