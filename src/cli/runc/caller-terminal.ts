/** The terminal of whoever called us, which need not be the standard streams. */
import { openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { invalid } from '../../base/errors.ts';
import type { CallerTerminal } from '../../engine/oci.ts';

/** Throws, in runc's words, where there is none. */
export function callerTerminal(): CallerTerminal {
  let device: ReadStream;
  let window: WriteStream;
  try {
    device = new ReadStream(openSync('/dev/tty', 'r'));
    window = new WriteStream(openSync('/dev/tty', 'w'));
  } catch {
    throw invalid('open /dev/tty: no such device or address');
  }
  device.unref();
  window.unref();
  // read from by nobody: it is there to set the mode
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    size: () => ({ rows: window.rows ?? 0, cols: window.columns ?? 0 }),
    raw(on) {
      device.setRawMode(on);
      if (on) return;
      process.stdin.pause();
      process.stdin.unref?.();
    },
    onResize(listener) {
      window.on('resize', listener);
      return () => void window.off('resize', listener);
    },
  };
}
