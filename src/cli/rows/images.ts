/** `docker images` and `docker history`. */
import type { HistoryLine, ImageLine } from '../../engine/images-contract.ts';
import { chooseFormat, row, type Headings, type Row } from '../format.ts';
import { humanSize } from '../units.ts';
import { ellipsis } from '../width.ts';
import { familiar, goSeconds, isoSeconds, shortId, since, splitTag, type RowOptions } from './text.ts';

export const IMAGE_HEADINGS: Headings = {
  ID: 'IMAGE ID',
  Repository: 'REPOSITORY',
  Tag: 'TAG',
  Digest: 'DIGEST',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  Size: 'SIZE',
  Containers: 'CONTAINERS',
  VirtualSize: 'SIZE',
  SharedSize: 'SHARED SIZE',
  UniqueSize: 'UNIQUE SIZE',
};

/** An image as lists have it; what `system df` knows more is -1 elsewhere. */
export interface ListedImage extends Omit<ImageLine, 'labels' | 'id' | 'containers' | 'sharedSize'> {
  readonly id: string;
  readonly sharedSize?: number | undefined;
  readonly containers?: number;
}

const NONE = '<none>';

const table = (digests: boolean) => `table {{.Repository}}\\t{{.Tag}}\\t${digests ? '{{.Digest}}\\t' : ''}{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}`;
const raw = (digests: boolean) =>
  `repository: {{ .Repository }}\n${digests ? '{{- if .Digest}}digest: {{ .Digest }}\n{{- end}}' : ''}tag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n`;

export function imageFormat(given: string | undefined, { quiet = false, digests = false, config = () => undefined as string | undefined } = {}): string {
  const format = chooseFormat({ table: table(digests), quiet: '{{.ID}}', raw: quiet ? 'image_id: {{.ID}}' : raw(digests) }, given, quiet, config);
  return digests && format.startsWith('table') && !format.includes('{{.Digest}}') ? `${format}\\t{{.Digest}}` : format;
}

/** Repository, tag and digest of one row. */
type Naming = readonly [repository: string, tag: string, digest: string];

/** A row for each tag; with digests one for each tag and digest of a repository. What has only digests has no tag. */
function namings(image: ListedImage, { digests, showDigests }: { digests: boolean; showDigests: boolean }): Naming[] {
  if (image.repoTags.length === 0 && image.repoDigests.length === 0) return [[NONE, NONE, NONE]];
  const known = image.repoDigests.map((text) => text.split('@') as [string, string]).map(([name, digest]) => [familiar(name), digest] as const);
  const tags = image.repoTags.map(splitTag).map(([name, tag]) => [familiar(name), tag ?? NONE] as const);
  const untagged = [...new Set(known.map(([name]) => name))].filter((name) => !tags.some(([other]) => other === name));
  const digestsOf = (repository: string) => known.filter(([name]) => name === repository).map(([, digest]) => digest);
  return [
    ...tags.flatMap(([repository, tag]) => {
      const some = digests ? digestsOf(repository) : [];
      return (some.length === 0 ? [NONE] : some).map((digest): Naming => [repository, tag, digest]);
    }),
    ...untagged.flatMap((repository) => (showDigests ? digestsOf(repository) : ['']).map((digest): Naming => [repository, NONE, digest])),
  ];
}

/** The rows of one image; `format` says whether digests are asked for. */
export function imageRows(image: ListedImage, format: string, { digests = false, ...options }: RowOptions & { readonly digests?: boolean }): Row[] {
  return namings(image, { digests: digests || format.includes('{{.Digest}}'), showDigests: digests }).map((naming) => imageRow(image, naming, options));
}

export function imageRow(image: ListedImage, [repository, tag, digest]: Naming, options: RowOptions): Row {
  const { sharedSize = -1, containers = -1 } = image;
  return row('*formatter.imageContext', {
    ID: () => (options.noTrunc ? image.id : shortId(image.id)),
    Repository: () => repository,
    Tag: () => tag,
    Digest: () => digest,
    CreatedSince: () => since(image.created, options),
    CreatedAt: () => goSeconds(image.created, options),
    Size: () => humanSize(image.size, 3),
    Containers: () => (containers === -1 ? 'N/A' : String(containers)),
    VirtualSize: () => humanSize(image.size),
    SharedSize: () => (sharedSize === -1 ? 'N/A' : humanSize(sharedSize)),
    UniqueSize: () => (sharedSize === -1 ? 'N/A' : humanSize(image.size - sharedSize)),
  });
}

export const HISTORY_HEADINGS: Headings = {
  ID: 'IMAGE',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  CreatedBy: 'CREATED BY',
  Size: 'SIZE',
  Comment: 'COMMENT',
};

export function historyFormat(given: string | undefined, { quiet = false, human = true } = {}): string {
  const time = human ? 'CreatedSince' : 'CreatedAt';
  return chooseFormat({ table: `table {{.ID}}\\t{{.${time}}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}`, quiet: '{{.ID}}' }, given, quiet, () => undefined);
}

export function historyRow(line: HistoryLine, { human = true, ...options }: RowOptions & { readonly human?: boolean }): Row {
  const { noTrunc = false } = options;
  return row('*image.historyContext', {
    ID: () => (noTrunc ? line.id : shortId(line.id)),
    CreatedAt: () => isoSeconds(line.created, options),
    CreatedSince: () => {
      if (!human) return isoSeconds(line.created, options);
      return line.created <= 0 ? 'N/A' : since(line.created, options);
    },
    CreatedBy: () => {
      const text = line.createdBy.replaceAll('\t', ' ');
      return noTrunc ? text : ellipsis(text, 45);
    },
    Size: () => (human ? humanSize(line.size, 3) : String(line.size)),
    Comment: () => line.comment,
  });
}
