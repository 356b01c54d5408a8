/** What a bench hands back, whatever its question was. */

export interface Figure {
  readonly label: string;
  readonly value: number;
}

export interface Answer {
  /** The name of the question's file. */
  readonly name: string;
  /** Of the rows. */
  readonly unit: string;
  /** What a reader of the figures must know. */
  readonly notes?: readonly string[];
  readonly rows: readonly Figure[];
  /** Without a unit. */
  readonly ratios: readonly Figure[];
}

/** Takes a line whenever something was done. */
export type Progress = (line: string) => void;
