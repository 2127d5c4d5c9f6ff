/** Unpacking with the machine's programs: what Node itself cannot. */
import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EngineError, invalid } from '../../base/errors.ts';

/** What the program makes of the bytes. Throws `unavailable` where it is not installed, `invalid` for damaged bytes, and what `bytes` throws. */
export async function* unpackWith(program: 'bzip2' | 'xz', bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'], env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' } });
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new EngineError('unavailable', `the archive is compressed with ${program}, and this machine has no program for that`, {
          cause,
          hint: `install ${program}`,
        }),
      ),
    );
  });
  failed.catch(() => {});
  const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  // who stops reading ends it: what was still to be written is for nobody
  const written = pipeline(Readable.from(bytes, { objectMode: false }), child.stdin).catch((error: unknown) => error);
  try {
    const chunks = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    for (;;) {
      const next = await Promise.race([chunks.next(), failed]);
      if (next.done === true) break;
      // who takes it takes its memory
      yield Buffer.from(Uint8Array.from(next.value).buffer);
    }
    const trouble = await written;
    // a source that broke off is why the program found its input damaged, and not the other way round
    if (trouble !== undefined && !isClosed(trouble)) throw trouble;
    if ((await Promise.race([ended, failed])) !== 0) throw invalid(`the archive is damaged: ${program} cannot unpack it`);
  } finally {
    child.kill('SIGKILL');
  }
}

/** The program reads no more. */
function isClosed(error: unknown): boolean {
  return ['EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'].includes((error as NodeJS.ErrnoException).code ?? '');
}
