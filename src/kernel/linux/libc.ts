import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';

export interface LibC {
  /** A function by its C prototype, or by its name and types. */
  readonly func: Koffi.LibraryHandle['func'];
  /** Of the last call. */
  errno(): number;
}

let loaded: LibC | undefined;

/** The C library. Loaded when it is first needed: it costs several milliseconds, which a short command line call should not pay. */
export function libC(): LibC {
  if (loaded !== undefined) return loaded;
  const koffi = createRequire(import.meta.url ?? __filename)('koffi') as typeof Koffi;
  const library = koffi.load('libc.so.6');
  return (loaded = { func: library.func.bind(library) as LibC['func'], errno: () => koffi.errno() });
}
