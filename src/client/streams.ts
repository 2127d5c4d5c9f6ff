/** A connection that was taken over, as a process's streams. */
import type { Duplex } from 'node:stream';
import type { Attached } from '../engine/containers-contract.ts';
import type { HttpClient } from './http.ts';

/** Daemons before this version say `raw-stream` of framed streams, too. */
const TELLS_FRAMING = 42;

/** `ask` finds out whether there is a terminal, for daemons that do not say. */
export async function streamOf(
  http: HttpClient,
  { stream, type }: { readonly stream: Duplex; readonly type: string | undefined },
  ask: () => Promise<boolean>,
): Promise<Attached> {
  stream.on('error', () => {}); // its close says all that there is to say
  if (type === 'application/vnd.docker.multiplexed-stream') return { tty: false, stream };
  const minor = Number((await http.version()).split('.')[1]);
  if (minor >= TELLS_FRAMING) return { tty: true, stream };
  try {
    return { tty: await ask(), stream };
  } catch (error) {
    stream.destroy();
    throw error;
  }
}
