/** `docker system df`: sums by type, or with `-v` each object. */
import type { ContainerSummary } from '../../engine/types/container-answers.ts';
import { formatList, listTemplate, row, withTemplate, type Headings, type Row } from '../format.ts';
import { goTime, parseTime } from '../go-time.ts';
import { Struct } from '../template/values.ts';
import { ago, humanSize } from '../units.ts';
import { CONTAINER_HEADINGS, containerRow } from './containers.ts';
import { IMAGE_HEADINGS, imageRow, type ListedImage } from './images.ts';
import { VOLUME_HEADINGS, volumeRow, type ListedVolume } from './objects.ts';
import { familiar, shortId, splitTag, type RowOptions } from './text.ts';

interface UsedImage {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  readonly Created: number;
  readonly Size: number;
  readonly SharedSize: number;
  readonly Containers: number;
}

interface BuildCache {
  readonly ID: string;
  readonly Parent?: string;
  readonly Type: string;
  readonly Description?: string;
  readonly InUse: boolean;
  readonly Shared: boolean;
  readonly Size: number;
  readonly CreatedAt: string;
  readonly LastUsedAt?: string | null;
  readonly UsageCount: number;
}

/** `GET /system/df` */
export interface DiskUsage {
  readonly LayersSize?: number;
  readonly Images?: readonly UsedImage[] | null;
  readonly Containers?: readonly ContainerSummary[] | null;
  readonly Volumes?: readonly ListedVolume[] | null;
  readonly BuildCache?: readonly BuildCache[] | null;
}

const HEADINGS: Headings = { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' };
const TABLE = 'table {{.Type}}\\t{{.TotalCount}}\\t{{.Active}}\\t{{.Size}}\\t{{.Reclaimable}}';

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

function sumRow(go: string, type: string, total: number, active: number, size: number, reclaimable: number, percent = true): Row {
  return row(`*formatter.${go}`, {
    Type: () => type,
    TotalCount: () => String(total),
    Active: () => String(active),
    Size: () => humanSize(size),
    Reclaimable: () => `${humanSize(reclaimable)}${percent && size > 0 ? ` (${Math.trunc((reclaimable * 100) / size)}%)` : ''}`,
  });
}

function sumRows({ LayersSize, Images, Containers, Volumes, BuildCache }: DiskUsage): Row[] {
  const images = Images ?? [];
  const usedByImages = sum(images.filter(({ Containers: by, SharedSize }) => by !== 0 && SharedSize !== -1).map(({ Size, SharedSize }) => Size - SharedSize));
  const containers = Containers ?? [];
  const idle = containers.filter(({ State }) => !['running', 'paused', 'restarting'].includes(State));
  const written = (list: readonly ContainerSummary[]) => sum(list.map(({ SizeRw }) => SizeRw ?? 0));
  const volumes = (Volumes ?? []).flatMap(({ UsageData }) => (UsageData ? [UsageData] : []));
  const known = volumes.filter(({ Size }) => Size !== -1);
  const caches = (BuildCache ?? []).filter(({ Shared }) => !Shared);
  const cached = (inUse: boolean) => sum(caches.filter(({ InUse }) => InUse === inUse).map(({ Size }) => Size));
  const layers = LayersSize ?? 0;
  return [
    sumRow('diskUsageImagesContext', 'Images', images.length, images.filter(({ Containers: by }) => by > 0).length, layers, layers - usedByImages),
    sumRow('diskUsageContainersContext', 'Containers', containers.length, containers.length - idle.length, written(containers), written(idle)),
    sumRow(
      'diskUsageVolumesContext',
      'Local Volumes',
      (Volumes ?? []).length,
      volumes.filter(({ RefCount }) => RefCount > 0).length,
      sum(known.map(({ Size }) => Size)),
      sum(known.filter(({ RefCount }) => RefCount === 0).map(({ Size }) => Size)),
    ),
    sumRow(
      'diskUsageBuilderContext',
      'Build Cache',
      (BuildCache ?? []).length,
      (BuildCache ?? []).filter(({ InUse }) => InUse).length,
      cached(true) + cached(false),
      cached(false),
      false,
    ),
  ];
}

function imageOf({ Id, RepoTags, Created, Size, SharedSize, Containers }: UsedImage, options: RowOptions): Row {
  const image: ListedImage = {
    id: Id,
    repoTags: RepoTags ?? [],
    repoDigests: [],
    created: Created,
    size: Size,
    sharedSize: SharedSize,
    containers: Containers,
  };
  const [name, tag] = image.repoTags[0] === undefined ? [undefined, undefined] : splitTag(image.repoTags[0]);
  return imageRow(image, [name === undefined ? '<none>' : familiar(name), tag ?? '<none>', ''], options);
}

function cacheRow(cache: BuildCache, options: RowOptions): Row {
  const time = (text: string | null | undefined) => (text ? parseTime(text) : undefined);
  const since = (text: string | null | undefined) => {
    const at = time(text);
    return at === undefined ? '' : `${ago(options.now - at.seconds * 1000)} ago`;
  };
  const written = (text: string | null | undefined) => {
    const at = time(text);
    return at === undefined ? '' : goTime(at, options.zone);
  };
  return row('*formatter.buildCacheContext', {
    ID: () => `${options.noTrunc ? cache.ID : shortId(cache.ID)}${cache.InUse ? '*' : ''}`,
    Parent: () => (options.noTrunc ? (cache.Parent ?? '') : shortId(cache.Parent ?? '')),
    CacheType: () => cache.Type,
    Description: () => cache.Description ?? '',
    Size: () => humanSize(cache.Size, 3),
    CreatedAt: () => written(cache.CreatedAt),
    CreatedSince: () => since(cache.CreatedAt),
    LastUsedAt: () => written(cache.LastUsedAt),
    LastUsedSince: () => since(cache.LastUsedAt),
    UsageCount: () => String(cache.UsageCount),
    InUse: () => String(cache.InUse),
    Shared: () => String(cache.Shared),
  });
}

const CACHE_HEADINGS: Headings = {
  ID: 'CACHE ID',
  Parent: 'PARENT',
  CacheType: 'CACHE TYPE',
  Size: 'SIZE',
  CreatedSince: 'CREATED',
  LastUsedSince: 'LAST USED',
  UsageCount: 'USAGE',
  Shared: 'SHARED',
};

/** What was never used first, then by the time of its last use. */
function byUse(a: BuildCache, b: BuildCache): number {
  const at = ({ LastUsedAt }: BuildCache) => (LastUsedAt ? Date.parse(LastUsedAt) : Number.NEGATIVE_INFINITY);
  const [x, y] = [at(a), at(b)];
  return x === y ? (a.ID < b.ID ? -1 : 1) : x - y;
}

function parts(usage: DiskUsage, options: RowOptions) {
  return {
    Images: (usage.Images ?? []).map((image) => imageOf(image, options)),
    Containers: (usage.Containers ?? []).map((container) => containerRow({ ...container, SizeRootFs: 0 }, options)),
    Volumes: (usage.Volumes ?? []).map(volumeRow),
    BuildCache: [...(usage.BuildCache ?? [])].sort(byUse).map((cache) => cacheRow(cache, options)),
  };
}

function verboseTables(usage: DiskUsage, options: RowOptions): string {
  const { Images, Containers, Volumes, BuildCache } = parts(usage, options);
  const cached = sum((usage.BuildCache ?? []).filter(({ Shared }) => !Shared).map(({ Size }) => Size));
  const show = (fields: string, rows: readonly Row[], headings: Headings) =>
    formatList(
      `table ${fields
        .split(' ')
        .map((field) => `{{.${field}}}`)
        .join('\\t')}`,
      rows,
      headings,
    );
  return [
    `Images space usage:\n\n${show('Repository Tag ID CreatedSince Size SharedSize UniqueSize Containers', Images, IMAGE_HEADINGS)}`,
    `Containers space usage:\n\n${show('ID Image Command LocalVolumes Size RunningFor Status Names', Containers, CONTAINER_HEADINGS)}`,
    `Local Volumes space usage:\n\n${show('Name Links Size', Volumes, VOLUME_HEADINGS)}`,
    `Build cache usage: ${humanSize(cached)}\n\n${show('ID CacheType Size CreatedSince LastUsedSince UsageCount Shared', BuildCache, CACHE_HEADINGS)}`,
  ].join('\n');
}

/** The whole output. With `verbose` a template gets all objects at once, by their kind. Throws `invalid`. */
export function formatDiskUsage(
  usage: DiskUsage,
  { format, verbose = false, ...options }: RowOptions & { format?: string | undefined; verbose?: boolean },
): string {
  const wanted = format || 'table';
  if (!verbose) return formatList(wanted === 'table' ? TABLE : wanted, sumRows(usage), HEADINGS);
  if (wanted === 'table') return verboseTables(usage, options);
  const all = parts(usage, { ...options, noTrunc: true });
  const data = new Struct('*formatter.verboseDiskUsageContext', Object.keys(all), (name) => all[name as keyof typeof all]);
  return withTemplate(() => listTemplate(wanted).execute(data));
}
