/** Which engine a command line is for: a daemon that was named, the daemon of this machine's data root, or one in this process. */
import { placesOf } from '../base/places.ts';
import type { Engine } from '../engine/contract.ts';
import type { EngineNeed } from './context.ts';

/** What it takes to get at an engine. */
export interface EngineDoors<T = Engine> {
  connect(url: string): Promise<T>;
  /** In this process. */
  open(): Promise<T>;
  /** Whether a daemon takes connections there. */
  listens(socket: string): Promise<boolean>;
  /** Resolves once a daemon answers there: one that is started, or that somebody else has started meanwhile. */
  startDaemon(socket: string): Promise<void>;
}

/** The socket of the daemon that belongs to the state folder. */
export function daemonSocket(env: Readonly<Record<string, string | undefined>>): string {
  return `${placesOf({}, env).stateDir}/kobako.sock`;
}

/** $KOBAKO_HOST and $DOCKER_HOST name one; $KOBAKO_DAEMON=never starts none. */
export async function chooseEngine<T>(env: Readonly<Record<string, string | undefined>>, doors: EngineDoors<T>, need: EngineNeed = {}): Promise<T> {
  const named = env['KOBAKO_HOST'] || env['DOCKER_HOST'];
  if (named) return doors.connect(named);
  const socket = daemonSocket(env);
  if (!(await doors.listens(socket))) {
    if (!need.stays || env['KOBAKO_DAEMON'] === 'never') return doors.open();
    await doors.startDaemon(socket);
  }
  return doors.connect(`unix://${socket}`);
}
