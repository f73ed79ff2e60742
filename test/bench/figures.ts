/** One measured thing: a table for people, targets to hold, and plots. JSON-able: `docs/performance/figures.json` is made of these. */
export interface Figures {
  /** What `--only` takes. */
  readonly name: string;
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly targets: readonly Target[];
  readonly plots: readonly Plot[];
}

/** A promise in numbers: what is measured shall be at most this. */
export interface Target {
  readonly what: string;
  readonly atMost: number;
  readonly measured: number;
  /** `times`, `KB`, `ms`, `events`; KB are 1,024 bytes. */
  readonly unit: string;
}

/** A plot: bars beside each other, one group for each label; or lines over numbers. */
export interface Plot {
  /** Of the file, without its ending. */
  readonly file: string;
  readonly title: string;
  readonly kind: 'bars' | 'lines';
  readonly x: string;
  /** With its unit. */
  readonly y: string;
  /** Of the groups of bars, or numbers for lines. */
  readonly labels: readonly (string | number)[];
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
  /** Both axes of lines go by powers of ten. */
  readonly logarithmic?: true;
}

/** How a measurement is run. */
export interface Effort {
  /** A fraction of the repetitions and sizes, to see that it works: its figures stand for nothing. */
  readonly quick: boolean;
  /** Says on stderr what goes on. */
  readonly tell: (line: string) => void;
}

/** A measurement under `test/bench/`, by the name of what it measures. */
export interface Measurement {
  readonly name: string;
  measure(effort: Effort): Promise<Figures>;
}

/** Whether what was measured reaches what was promised. */
export const isHeld = ({ atMost, measured }: Target): boolean => measured <= atMost;
