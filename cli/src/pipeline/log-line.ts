import { jsonObject } from '@gatehouse/core/access/json';
/** A line that a function of the pipeline logged. */
export interface LogLine {
  /** The function's name, as the template gives it. */
  readonly functionName: string;
  readonly level: string;
  readonly message: string;
  /** What the line says beside, not checked: read with {@link textIn} and {@link numberIn}. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Reads `<function>: <line>`. A line that is not the JSON of a logger is its own message, of level ERROR. */
export function readLogLine(text: string): LogLine {
  const at = text.indexOf(': ');
  const functionName = at < 0 ? '' : text.slice(0, at);
  const line = at < 0 ? text : text.slice(at + 2);
  const record = jsonObject(line);
  if (typeof record?.errorMessage === 'string' && record.message === undefined) {
    // What the runtime says of a function that threw.
    return { functionName, level: 'ERROR', message: `${record.errorType}: ${record.errorMessage}`, details: {} };
  }
  if (typeof record?.message !== 'string') return { functionName, level: 'ERROR', message: line, details: {} };
  const { message, level, ...details } = record;
  return { functionName, level: typeof level === 'string' ? level : 'INFO', message, details };
}

/** A member that is a text; empty where it is not. */
export function textIn({ details }: LogLine, name: string): string {
  const value = details[name];
  return typeof value === 'string' ? value : '';
}

/** A member that is a number; 0 where it is not. */
export function numberIn({ details }: LogLine, name: string): number {
  const value = details[name];
  return typeof value === 'number' ? value : 0;
}
