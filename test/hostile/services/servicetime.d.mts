export class ServiceTime {
  ms: number;
  absent: number;
  constructor(pids: readonly number[]);
  look(): number;
  stop(): void;
}
