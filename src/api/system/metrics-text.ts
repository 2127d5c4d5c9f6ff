/** Prometheus's text format. */
export type Labels = Readonly<Record<string, string>>;

/** dockerd's, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function gauge(name: string, help: string, values: readonly (readonly [Labels, number])[]): string[] {
  return family(name, help, 'gauge', values);
}

export function counter(name: string, help: string, values: readonly (readonly [Labels, number])[]): string[] {
  return family(name, help, 'counter', values);
}

function family(name: string, help: string, type: string, values: readonly (readonly [Labels, number])[]): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...values.map(([labels, value]) => sample(name, labels, value))];
}

/** One line: `name{label="value"} 1`. */
export function sample(name: string, labels: Labels, value: number): string {
  const shown = Object.entries(labels).map(([key, text]) => `${key}="${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`);
  return `${name}${shown.length === 0 ? '' : `{${shown.join(',')}}`} ${value}`;
}

export class Histogram {
  readonly #counts = BUCKETS.map(() => 0);
  #count = 0;
  #sum = 0;

  observe(seconds: number): void {
    this.#count++;
    this.#sum += seconds;
    for (const [at, bound] of BUCKETS.entries()) if (seconds <= bound) this.#counts[at]!++;
  }

  samples(name: string, labels: Labels): string[] {
    return [
      ...BUCKETS.map((bound, at) => sample(`${name}_bucket`, { ...labels, le: String(bound) }, this.#counts[at]!)),
      sample(`${name}_bucket`, { ...labels, le: '+Inf' }, this.#count),
      sample(`${name}_sum`, labels, this.#sum),
      sample(`${name}_count`, labels, this.#count),
    ];
  }
}
