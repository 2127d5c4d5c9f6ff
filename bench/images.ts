/**
 * `bin/node bench/images.ts [ROUNDS] [--alone]`: images in and out, beside a real dockerd 28 where one is at hand (and not
 * with --alone): load, pull from a loopback registry, pull to the first output of a container, push. Three images: 200 MB
 * in 20,000 files and 5 layers, packed with gzip and with zstd, and 1 GB in one layer. Contestants take turns within each
 * round; everybody's data lies on an ext4 in memory. Prints medians, ratios, what gunzip alone takes for the same layers
 * (node:zlib on one thread, and gzip(1)), our peak memory, the longest time that the event loop did not turn (and how long
 * the bench's own did not, which has nothing to do: what the machine does to everybody), and one line of JSON.
 */
import { closeSync, createWriteStream, mkdirSync, mkdtempSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { noPeers } from '../test/support/peers.ts';
import { realRegistry } from '../test/support/registry.ts';
import { busybox } from '../test/support/rootfs.ts';
import { runOk } from '../test/support/run.ts';
import { atEnd, benchFolder } from './cleanup.ts';
import { dockerd, kobako, type Contestant } from './image-contestants.ts';
import { writeImage } from './image-maker.ts';

const ROUNDS = Number(process.argv[2] ?? 5);
const TASKS = ['load', 'pull', 'run', 'push'] as const;
const IMAGES = [
  { name: 'many', layers: 5, files: 4000, fileSize: 10_000, tasks: TASKS, title: '200 MB, 20,000 files, 5 layers' },
  { name: 'zstd', layers: 5, files: 4000, fileSize: 10_000, zstd: true, tasks: ['pull', 'run'], title: 'the same, packed with zstd' },
  { name: 'large', layers: 1, files: 1000, fileSize: 1_000_000, tasks: TASKS, title: '1 GB, 1,000 files, 1 layer' },
] as const;

interface Row {
  readonly image: string;
  readonly task: string;
  readonly contestant: string;
  readonly ms: number[];
  readonly cpu: number[];
  rss: number;
  stall: number;
  machineStall: number;
}

/** A registry that is there while `use` runs. */
async function withRegistry<T>(folder: string, address: string, use: (host: string) => Promise<T>): Promise<T> {
  const hooks: (() => unknown)[] = [];
  const storage = mkdtempSync(`${folder}/registry-`);
  try {
    return await use((await realRegistry({ after: (hook) => void hooks.push(hook) }, { folder: storage, address })).host);
  } finally {
    for (const hook of hooks.toReversed()) await hook();
    rmSync(storage, { recursive: true, force: true });
  }
}

async function once(
  contestant: Contestant,
  task: (typeof TASKS)[number],
  archive: string,
  name: string,
  settled: () => Promise<void>,
  empty: () => Promise<[host: string, end: () => void]>,
) {
  await contestant.do({ task: 'remove', name });
  await settled();
  if (task === 'load') return contestant.do({ task, name, archive });
  if (task !== 'push') return contestant.do({ task, name });
  // to a registry that has nothing
  await contestant.do({ task: 'pull', name });
  const [host, end] = await empty();
  try {
    const newName = `${host}/${name.slice(name.indexOf('/') + 1)}`;
    await contestant.do({ task: 'tag', name, newName });
    await settled();
    return await contestant.do({ task, name: newName });
  } finally {
    end();
  }
}

async function main(folder: string): Promise<void> {
  const missing = process.argv.includes('--alone') ? 'without dockerd, as asked' : noPeers();
  if (missing !== undefined) console.log(missing);
  const contestants = [kobako('erofs', folder), kobako('overlay', folder), ...(missing === undefined ? [await dockerd(folder)] : [])];
  const address = missing === undefined ? '10.233.1.1' : '127.0.0.1';
  const rows: Row[] = [];
  try {
    for (const { title, tasks, ...image } of IMAGES) {
      await withRegistry(folder, address, async (host) => {
        const name = `${host}/bench/${image.name}:latest`;
        const archive = `${folder}/${image.name}.tar`;
        await pipeline(writeImage({ ...image, shell: await busybox(), name }), createWriteStream(archive));
        await contestants[0]!.do({ task: 'load', name, archive });
        await contestants[0]!.do({ task: 'push', name });
        for (const task of tasks) {
          const mine = contestants.map((contestant): Row => ({
            image: title,
            task,
            contestant: contestant.name,
            ms: [],
            cpu: [],
            rss: 0,
            stall: 0,
            machineStall: 0,
          }));
          rows.push(...mine);
          for (let round = 0; round < ROUNDS; round++) {
            for (const [index, contestant] of contestants.entries()) {
              // the gigabytes that the one before has left in memory are not for this one to write
              const settled = async () => void (await runOk('sync', ['-f', folder]));
              const empty = () =>
                new Promise<[string, () => void]>((resolve, reject) => {
                  withRegistry(folder, address, (target) => new Promise<void>((end) => resolve([target, end]))).catch(reject);
                });
              const { ms, cpu, rss, stall = 0, machineStall = 0 } = await once(contestant, task, archive, name, settled, empty);
              mine[index]!.ms.push(ms);
              mine[index]!.cpu.push(cpu ?? 0);
              mine[index]!.rss = Math.max(mine[index]!.rss, rss ?? 0);
              if (stall > mine[index]!.stall) Object.assign(mine[index]!, { stall, machineStall });
            }
          }
          report(mine);
        }
        await gunzipAlone(`${folder}/erofs/oci/blobs/sha256`, title);
        for (const contestant of contestants) await contestant.do({ task: 'remove', name });
        rmSync(archive);
      });
    }
  } finally {
    await Promise.allSettled(contestants.map((contestant) => contestant.end()));
  }
  console.log(JSON.stringify(rows));
}

/** What no engine that unpacks on one thread can be quicker than. */
async function gunzipAlone(blobs: string, title: string): Promise<void> {
  const isGzip = (path: string) => {
    const [fd, magic] = [openSync(path, 'r'), Buffer.alloc(2)];
    readSync(fd, magic);
    closeSync(fd);
    return magic.readUInt16BE() === 0x1f8b;
  };
  const layers = readdirSync(blobs)
    .map((name) => `${blobs}/${name}`)
    .filter(isGzip);
  if (layers.length === 0) return;
  for (let round = 0; round < ROUNDS; round++) {
    const { stdout } = await runOk(process.execPath, [`${import.meta.dirname}/gunzip-alone.js`, ...layers]);
    const start = performance.now();
    await runOk('sh', ['-c', 'gzip -dc "$@" > /dev/null', 'sh', ...layers]);
    const gzip = performance.now() - start;
    console.log(`${title.padEnd(32)}gunzip alone: node:zlib ${Number(stdout).toFixed(0)} ms, gzip -dc ${gzip.toFixed(0)} ms`);
  }
}

function report(rows: readonly Row[]): void {
  const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!;
  const rival = rows.find(({ contestant }) => contestant.startsWith('dockerd'));
  for (const row of rows) {
    const ratio = rival === undefined || row === rival ? '' : `${(median(rival.ms) / median(row.ms)).toFixed(1)} times dockerd's speed`;
    const own =
      row.rss === 0
        ? ''
        : `, ${median(row.cpu).toFixed(0)} ms of processor, peak ${(row.rss / 1e6).toFixed(0)} MB, longest stall ${row.stall.toFixed(0)} ms (bench's ${row.machineStall.toFixed(0)})`;
    console.log(`${row.image.padEnd(32)}${row.task.padEnd(6)}${row.contestant.padEnd(18)}${median(row.ms).toFixed(0).padStart(7)} ms  ${ratio}${own}`);
  }
}

/** An ext4 in memory: a disk's noise is nobody's, and EROFS layers cannot lie on a tmpfs. */
async function inMemory(use: (folder: string) => Promise<void>): Promise<void> {
  const { folder: place, remove } = benchFolder();
  try {
    mkdirSync(`${place}/disk`);
    await runOk('truncate', ['-s', '12G', `${place}/image`]);
    await runOk('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=1', `${place}/image`]);
    await runOk('mount', ['-o', 'loop,discard', `${place}/image`, `${place}/disk`]);
    const unmount = atEnd(() => runOk('umount', ['--lazy', `${place}/disk`]));
    try {
      await use(`${place}/disk`);
    } finally {
      await unmount();
    }
  } finally {
    await remove();
  }
}

await inMemory(main);
