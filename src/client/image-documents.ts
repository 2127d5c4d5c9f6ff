/** A daemon's documents as the engine's own types. */
import type { Digest } from '../base/digest.ts';
import type { HistoryLine, ImageDetails, ImageLine } from '../engine/images-contract.ts';
import type { ImageHistoryItem, ImageInspect, ImageSummaryDocument } from '../engine/types/image.ts';

/** What daemons of old showed for no name. */
const NONE = /^<none>[:@]<none>$/;

export function lineOf(item: ImageSummaryDocument): ImageLine {
  return {
    id: item.Id as Digest,
    repoTags: namesOf(item.RepoTags),
    repoDigests: namesOf(item.RepoDigests),
    created: item.Created,
    size: item.Size,
    labels: item.Labels ?? {},
    containers: item.Containers,
    ...(item.SharedSize < 0 ? {} : { sharedSize: item.SharedSize }),
  };
}

export function detailsOf(item: ImageInspect): ImageDetails {
  const { Config, Created, Variant, OsVersion } = item;
  const isDated = Created !== undefined && Created !== '' && !Created.startsWith('0001-');
  const tagged = item.Metadata?.LastTagTime ?? '';
  return {
    id: item.Id as Digest,
    repoTags: namesOf(item.RepoTags),
    repoDigests: namesOf(item.RepoDigests),
    created: isDated ? Math.floor(Date.parse(Created) / 1000) : 0,
    createdText: isDated ? Created : undefined,
    size: item.Size,
    labels: Config?.Labels ?? {},
    author: item.Author,
    comment: item.Comment,
    dockerVersion: item.DockerVersion ?? '',
    platform: {
      os: item.Os,
      architecture: item.Architecture,
      ...(Variant === undefined || Variant === '' ? {} : { variant: Variant }),
      ...(OsVersion === undefined || OsVersion === '' ? {} : { 'os.version': OsVersion }),
    },
    config: { ...Config, Volumes: Config?.Volumes ?? undefined },
    lastTagged: tagged === '' || tagged.startsWith('0001-') ? undefined : tagged,
    layers: (item.RootFS.Layers ?? []) as readonly Digest[],
    driver: item.GraphDriver?.Name ?? '',
  };
}

export function historyOf({ Id, Created, CreatedBy, Size, Comment, Tags }: ImageHistoryItem): HistoryLine {
  return { id: Id, created: Created, createdBy: CreatedBy, size: Size, comment: Comment, tags: Tags ?? [] };
}

function namesOf(names: readonly string[] | null): readonly string[] {
  return (names ?? []).filter((name) => !NONE.test(name)).toSorted();
}
