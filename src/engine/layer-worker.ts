/** The main module of a layer worker: the one place where the thread's parts are put together. */
import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { linuxRawFiles, linuxThreadRoot } from '../kernel/linux/files.ts';
import { ErofsTree } from '../snapshot/erofs/tree-reader.ts';
import { ErofsWriter } from '../snapshot/erofs/writer.ts';
import { serveLayers } from '../snapshot/layer-service.ts';
import { OverlayWriter } from '../snapshot/overlay-writer.ts';

// of this thread only: whoever talks to registries and users comes first
setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL);

const files = linuxRawFiles();
const root = linuxThreadRoot();

const overlay = (dir: string) => new OverlayWriter(files, root, dir);

serveLayers(parentPort!, {
  files,
  root,
  writers: { overlay, erofs: (dir, plainFile) => new ErofsWriter(files, dir, plainFile, overlay) },
  openTree: (source) => new ErofsTree(source.index),
});
