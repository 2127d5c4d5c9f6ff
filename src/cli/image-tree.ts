/** `images --tree`: images with all their names, as docker draws them where an image is for one platform. */
import type { ImageLine } from '../engine/images-contract.ts';
import { invalid } from '../base/errors.ts';
import type { Flags } from './flags.ts';
import type { Terminal } from './live-lines.ts';
import { shortId } from './rows/text.ts';
import { humanSize } from './units.ts';
import { displayWidth } from './width.ts';

/** Columns of what is no terminal, and of the narrowest that is drawn for. */
const WIDTH = 80;
const NARROWEST = 20;
const SPACING = 3;
/** Names have so many columns at least: others go for them. */
const NAMES = 12;

interface Column {
  readonly title: string;
  readonly width: number;
  readonly right?: boolean;
  readonly text: (image: ImageLine) => string;
}

const COLUMNS: readonly Column[] = [
  { title: 'ID', width: 12, text: ({ id }) => shortId(id) },
  { title: 'DISK USAGE', width: 10, right: true, text: ({ size }) => humanSize(size, 3) },
  // docker shows what is kept packed by containerd, and nothing here
  { title: 'CONTENT SIZE', width: 12, right: true, text: () => humanSize(0) },
  { title: 'EXTRA', width: 5, text: ({ containers }) => (containers > 0 ? IN_USE : '') },
];
const IN_USE = 'U';

const bold = (text: string) => `\u001b[39m\u001b[1m${text}\u001b[0m`;
const blue = (text: string) => `\u001b[34m\u001b[1m${text}\u001b[0m`;
const chip = (text: string) => `\u001b[38;5;0m\u001b[48;5;14m ${text} \u001b[0m`;

/** Throws `invalid` in docker's words for the flags that do not go together with `--tree`. */
export function checkTreeFlags(flags: Flags): void {
  for (const [name, said] of Object.entries({ quiet: 'quiet', 'no-trunc': 'no-trunc', digests: 'show-digest', format: 'format' }))
    if (flags.on(name) || (name === 'format' && flags.value(name))) throw invalid(`--${said} is not yet supported with --tree`);
}

/** The whole text. Images without a name are shown with `all` only. Colours are for terminals. */
export function imageTree(images: readonly ImageLine[], { out, all }: { readonly out: Pick<Terminal, 'isTTY' | 'columns'>; readonly all: boolean }): string {
  const tty = out.isTTY === true;
  const paint = (colour: (text: string) => string, text: string) => (tty ? colour(text) : text);
  const width = Math.max(NARROWEST, (tty ? out.columns : 0) || WIDTH);
  const shown = images
    .filter(({ repoTags }) => all || repoTags.length > 0)
    .map((image) => ({ image, names: image.repoTags.length > 0 ? image.repoTags : ['<untagged>'] }));
  const { columns, names } = fitted(width, Math.max('IMAGE'.length, ...shown.flatMap((each) => each.names.map(displayWidth))));
  const heading = [{ title: 'IMAGE', width: names }, ...columns].map(
    ({ title, width: room }) => paint(bold, title) + ' '.repeat(Math.max(0, room - title.length)),
  );
  const rows = shown.flatMap((each) => {
    const last = each.names.at(-1)!;
    const cells = columns.map((column) => cell(column, column.text(each.image), tty));
    const line = [paint(blue, last) + ' '.repeat(Math.max(0, names - displayWidth(last))), ...cells].join(' '.repeat(SPACING));
    return [...each.names.slice(0, -1).map((name) => paint(blue, name)), line];
  });
  const warning = "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.";
  return [paint((text) => `\u001b[93m${text}\u001b[0m`, warning), legend(width, tty), '', heading.join(' '.repeat(SPACING)), ...rows, ''].join('\n');
}

/** The columns that there is room for beside names of at least `NAMES`, and how much is left for these. */
function fitted(width: number, widest: number): { readonly columns: readonly Column[]; readonly names: number } {
  let left = width;
  const columns: Column[] = [];
  for (const column of COLUMNS) {
    if (left - column.width - SPACING < NAMES) break;
    left -= column.width + SPACING;
    columns.push(column);
  }
  return { columns, names: Math.min(left, widest) };
}

function cell({ title, width, right }: Column, text: string, tty: boolean): string {
  if (title === 'EXTRA') return tty && text !== '' ? chip(text) + ' '.repeat(width - text.length - 2) : text.padEnd(width);
  const padding = ' '.repeat(Math.max(0, width - text.length));
  const shown = tty ? `\u001b[39m${text}\u001b[0m` : text;
  return right ? padding + shown : shown + padding;
}

/** What the letters mean, at the right end. */
function legend(width: number, tty: boolean): string {
  const plain = tty ? `i Info →   ${IN_USE}  In Use ` : `Info ->  ${IN_USE} In Use `;
  const coloured = `\u001b[1m\u001b[106m\u001b[30mi\u001b[0m\u001b[0m \u001b[96mInfo → \u001b[0m\u001b[0m ${chip(IN_USE)} In Use `;
  return ' '.repeat(Math.max(0, width - displayWidth(plain))) + (tty ? coloured : plain);
}
