/** `GET /metrics` for Prometheus, with dockerd's names where it has one for the same, on an address of its own. */
import type { Engine } from '../../engine/contract.ts';
import type { Containers } from '../../engine/containers-contract.ts';
import type { Route } from '../contract.ts';
import { counter, gauge, Histogram, sample, type Labels } from './metrics-text.ts';

/** What dockerd times. */
const ACTIONS = ['changes', 'commit', 'create', 'delete', 'start'] as const;
type Action = (typeof ACTIONS)[number];

interface Requests {
  readonly labels: Labels;
  count: number;
  seconds: number;
}

/** What has been counted since this was made. */
export class Metrics {
  readonly #actions = new Map<Action, Histogram>(ACTIONS.map((action) => [action, new Histogram()]));
  readonly #requests = new Map<string, Requests>();
  readonly #began = Date.now();
  #events = 0;

  /** The engine with its containers' actions timed. */
  timed(engine: Engine): Engine {
    const { containers } = engine;
    const time = <A extends readonly unknown[], T>(action: Action, work: (...args: A) => Promise<T>) => {
      return async (...args: A): Promise<T> => {
        const from = performance.now();
        const result = await work(...args);
        this.#actions.get(action)!.observe((performance.now() - from) / 1000);
        return result;
      };
    };
    const watched: Containers = {
      ...containers,
      create: time('create', containers.create),
      start: time('start', containers.start),
      remove: time('delete', containers.remove),
      commit: time('commit', containers.commit),
      changes: time('changes', containers.changes),
    };
    // the rest as it is, what is opened at its first use too
    return Object.create(engine, { containers: { value: watched } }) as Engine;
  }

  /** The routes with their requests counted, by path and outcome. */
  counted(routes: readonly Route[]): readonly Route[] {
    return routes.map((route) => ({
      ...route,
      handler: async (request, engine) => {
        const from = performance.now();
        let outcome = 'error';
        try {
          await route.handler(request, engine);
          outcome = 'ok';
        } finally {
          this.#requested(route, outcome, (performance.now() - from) / 1000);
        }
      },
    }));
  }

  /** Counts events until the signal. */
  async watchEvents({ system }: Pick<Engine, 'system'>, signal: AbortSignal): Promise<void> {
    for await (const _ of system.events({ signal })) this.#events++;
  }

  async text({ system }: Pick<Engine, 'system'>): Promise<string> {
    const info = await system.info();
    const about = {
      architecture: info.Architecture,
      commit: '',
      daemon_id: info.ID,
      graphdriver: info.Driver,
      kernel: info.KernelVersion,
      os: info.OperatingSystem,
      os_type: info.OSType,
      os_version: info.OSVersion,
      version: info.ServerVersion,
    };
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system: kernel } = process.cpuUsage();
    const requests = [...this.#requests.values()];
    const states = { paused: info.ContainersPaused, running: info.ContainersRunning, stopped: info.ContainersStopped };
    return [
      ...this.#actionLines(),
      ...gauge(
        'engine_daemon_container_states_containers',
        'The count of containers in various states',
        Object.entries(states).map(([state, count]) => [{ state }, count]),
      ),
      ...gauge('engine_daemon_engine_cpus_cpus', 'The number of cpus that the host system of the engine has', [[{}, info.NCPU]]),
      ...gauge('engine_daemon_engine_info', 'The information related to the engine and the OS it is running on', [[about, 1]]),
      ...gauge('engine_daemon_engine_memory_bytes', 'The number of bytes of memory that the host system of the engine has', [[{}, info.MemTotal]]),
      ...gauge('engine_daemon_events_subscribers_total', 'The number of current subscribers to events', [[{}, info.NEventsListener]]),
      ...counter('engine_daemon_events_total', 'The number of events logged', [[{}, this.#events]]),
      ...counter(
        'kobako_http_requests_total',
        'Requests to the API',
        requests.map(({ labels, count }) => [labels, count]),
      ),
      ...counter(
        'kobako_http_request_seconds_total',
        'How long they took in all',
        requests.map(({ labels, seconds }) => [labels, seconds]),
      ),
      ...counter('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds', [[{}, (user + kernel) / 1e6]]),
      ...gauge('process_open_fds', 'Number of open file descriptors', [[{}, info.NFd]]),
      ...gauge('process_resident_memory_bytes', 'Resident memory size in bytes', [[{}, rss]]),
      ...gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds', [[{}, Math.floor(this.#began / 1000)]]),
      ...gauge('nodejs_heap_used_bytes', 'Memory that objects take', [[{}, heapUsed]]),
      '',
    ].join('\n');
  }

  #actionLines(): string[] {
    const name = 'engine_daemon_container_actions_seconds';
    return [
      `# HELP ${name} The number of seconds it takes to process each container action`,
      `# TYPE ${name} histogram`,
      ...[...this.#actions].flatMap(([action, histogram]) => histogram.samples(name, { action })),
    ];
  }

  #requested({ method, path }: Route, outcome: string, seconds: number): void {
    const labels = { method, path, outcome };
    const key = sample('', labels, 0);
    const known = this.#requests.get(key) ?? { labels, count: 0, seconds: 0 };
    this.#requests.set(key, known);
    known.count++;
    known.seconds += seconds;
  }
}

export function metricsRoutes(metrics: Metrics): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/metrics',
      handler: async (request, engine) => {
        const text = await metrics.text(engine);
        await request.stream({ type: 'text/plain; version=0.0.4; charset=utf-8' }).write(text);
      },
    },
  ];
}
