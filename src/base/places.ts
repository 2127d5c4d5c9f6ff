/** Where an engine keeps what it has. */

export interface Places {
  /** What lives as long as the machine runs: sockets, helpers. Nothing of another engine's is there. */
  readonly stateDir: string;
  /** Images and layers. */
  readonly dataRoot: string;
  /** Containers and their names: they outlive the machine's next start where this is not the state folder. */
  readonly containerRoot: string;
}

const STATE = '/run/kobako';
export const DATA_ROOT = '/var/lib/kobako';

/**
 * From what was given, `$KOBAKO_STATE_DIR` and `$KOBAKO_DATA_ROOT`. Who gives only a data root has his state in it; who
 * gives only a state folder has his containers in that, and the machine's images.
 */
export function placesOf(
  given: { readonly stateDir?: string | undefined; readonly dataRoot?: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Places {
  const data = given.dataRoot || env['KOBAKO_DATA_ROOT'];
  const state = given.stateDir || env['KOBAKO_STATE_DIR'];
  return {
    stateDir: state || (data ? `${data}/run` : STATE),
    dataRoot: data || DATA_ROOT,
    containerRoot: data || state || DATA_ROOT,
  };
}
