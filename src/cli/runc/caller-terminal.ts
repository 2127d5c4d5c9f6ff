/** The terminal of whoever called us, which need not be the standard streams. */
import { openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { invalid } from '../../base/errors.ts';
import type { CallerTerminal } from '../../engine/oci.ts';

/** Throws, in runc's words, where there is none. */
export function callerTerminal(): CallerTerminal {
  let device: ReadStream;
  try {
    device = new ReadStream(openSync('/dev/tty', 'r'));
  } catch {
    throw invalid('open /dev/tty: no such device or address');
  }
  // read from by nobody: it is there to set the mode
  device.unref();
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    size() {
      // a stream knows the size of when it was made
      const window = new WriteStream(openSync('/dev/tty', 'w'));
      const { rows = 0, columns = 0 } = window;
      window.destroy();
      return { rows, cols: columns };
    },
    raw(on) {
      device.setRawMode(on);
      if (on) return;
      process.stdin.pause();
      process.stdin.unref?.();
    },
    onResize(listener) {
      process.on('SIGWINCH', listener);
      return () => void process.off('SIGWINCH', listener);
    },
  };
}
