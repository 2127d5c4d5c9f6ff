/** `node gunzip-alone.js FILE…`: unpacks them one after the other on one thread, keeps nothing, prints milliseconds. */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { Writable } from 'node:stream';

const start = performance.now();
for (const file of process.argv.slice(2)) {
  const nowhere = new Writable({ highWaterMark: 4 << 20, write: (_chunk, _encoding, done) => done() });
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), createGunzip({ chunkSize: 1 << 20 }), nowhere);
}
console.log(performance.now() - start);
