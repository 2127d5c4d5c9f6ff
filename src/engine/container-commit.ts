/** Use case: an image of a container: its image, and its writes as one more layer. */
import { platformOf } from '../image/platform.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { applyChanges } from '../build/dockerfile/changes.ts';
import type { ContainerConfig as ImageContainerConfig, ImageConfig } from '../image/contract.ts';
import { familiar, tagName } from '../image/names.ts';
import { isTag, parseReference } from '../image/reference.ts';
import { imageLayers } from './container-changes.ts';
import { commandOf, completeConfig } from './container-document.ts';
import { emitContainer } from './container-events.ts';
import { controlGroups, isRunning } from './container-stop.ts';
import type { ContainerRecord } from './container-record.ts';
import type { CommitOptions } from './containers-contract.ts';
import { keepComing, keepImage } from './image-make.ts';
import { OWN_MARKS, OWN_PLACES } from './own-places.ts';
import type { EngineParts } from './parts.ts';
import type { ContainerConfig } from './types/container.ts';

/** The layer of a container that wrote nothing: an archive's end mark. */
const EMPTY = 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef';

export async function commitContainer(parts: EngineParts, record: ContainerRecord, options: CommitOptions): Promise<{ Id: string }> {
  const image = imageLayers(record);
  const names = namesOf(options);
  const config = configOf(record, options);
  const images = parts.images();
  const { store } = images;
  using _hold = await store.hold();
  const [entry] = store.entriesOf(image.id);
  if (entry === undefined) throw new EngineError('not-found', `No such image: ${image.id}`);
  const parent = store.documents(entry.target.digest);
  const layer = await whileStill(parts, record, options.pause ?? true, () =>
    keepComing(images, images.driver.diff(image.layers, record.id, { without: [...OWN_PLACES, ...OWN_MARKS] })),
  );
  const empty = layer.digest === EMPTY;
  const created = new Date().toISOString();
  const { author = '', comment = '' } = options;
  const { rootfs, history = [] } = parent.config;
  const said = { ...(author === '' ? {} : { author }), ...(comment === '' ? {} : { comment }) };
  const step = { created, created_by: commandOf(record.config).join(' '), ...said, ...(empty ? { empty_layer: true } : {}) };
  const child: ImageConfig = {
    ...platformOf(parent.config),
    created,
    ...said,
    config: config as ImageContainerConfig,
    rootfs: { type: 'layers', diff_ids: empty ? rootfs.diff_ids : [...rootfs.diff_ids, layer.digest] },
    history: [...history, step],
  };
  const id = await keepImage(images, child, empty ? parent.manifest.layers : [...parent.manifest.layers, layer], names, 'create');
  emitContainer(parts, record, 'commit', { comment, imageID: id, imageRef: names[0] === undefined ? '' : familiar(names[0]) });
  return { Id: id };
}

/** Frozen while `work` goes on, unless it is paused already or does not run. */
async function whileStill<T>(parts: EngineParts, record: ContainerRecord, pause: boolean, work: () => Promise<T>): Promise<T> {
  return parts.live.inTurn(record.id, async () => {
    if (!pause || !isRunning(parts, record) || parts.store.load(record.id)?.paused) return work();
    const { driver, files } = controlGroups(parts);
    await driver.freeze(files, record.cgroupsPath, true);
    emitContainer(parts, record, 'pause');
    try {
      return await work();
    } finally {
      await driver.freeze(files, record.cgroupsPath, false);
      emitContainer(parts, record, 'unpause');
    }
  });
}

function namesOf({ repo = '', tag = '' }: CommitOptions): string[] {
  if (repo === '') return [];
  const reference = parseReference(repo);
  if (reference.digest !== undefined) throw invalid('cannot import digest reference');
  if (tag !== '' && !isTag(tag)) throw invalid('invalid tag format');
  return [tagName(tag === '' ? reference : { ...reference, tag })];
}

/** Docker's order: the changes are made on what was given, and the container's own fills what that leaves open. */
function configOf({ id, config: own }: ContainerRecord, { config: given, changes = [] }: CommitOptions): ContainerConfig {
  const base = given ?? own;
  const result = applyChanges(base as ImageContainerConfig, changes) as Partial<ContainerConfig>;
  if (given === undefined) return result as ContainerConfig;
  return { ...completeConfig(result, own as ImageContainerConfig, id), Hostname: result.Hostname ?? '', OnBuild: result.OnBuild ?? null };
}
