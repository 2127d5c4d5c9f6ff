/** The main module of a layer worker: the one place where the thread's parts are put together. */
import { parentPort } from 'node:worker_threads';
import { EngineError } from '../base/errors.ts';
import { linuxRawFiles, linuxThreadRoot } from '../kernel/linux/files.ts';
import { serveLayers } from '../snapshot/layer-service.ts';
import { OverlayWriter } from '../snapshot/overlay-writer.ts';

const files = linuxRawFiles();
const root = linuxThreadRoot();

serveLayers(parentPort!, {
  files,
  root,
  writers: { overlay: (dir) => new OverlayWriter(files, root, dir) },
  openTree: (source) => {
    throw new EngineError('internal', `a layer of kind ${source.kind} cannot be opened`);
  },
});
