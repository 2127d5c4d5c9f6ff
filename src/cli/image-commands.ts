/** `kobako image …`: most of these are there under a short name, too. */
import type { CommandTable } from './commands.ts';
import * as flags from './image-flags.ts';
import { lazy } from './lazy.ts';

const look = (name: 'history' | 'imagePrune' | 'images' | 'rmi' | 'tag') => lazy(async () => (await import('./images.ts'))[name]);
const carry = (name: 'importImage' | 'load' | 'pull' | 'push' | 'save') => lazy(async () => (await import('./image-transfer.ts'))[name]);

export const COMMANDS_ON_IMAGES: CommandTable = {
  history: {
    run: look('history'),
    usage: '[OPTIONS] IMAGE',
    help: 'Show the history of an image',
    flags: flags.HISTORY_FLAGS,
    complete: ['image', 'none'],
    failure: 1,
  },
  import: {
    run: carry('importImage'),
    usage: '[OPTIONS] FILE|- [NAME]',
    help: 'Make an image of the tar of a file system',
    flags: flags.IMPORT_FLAGS,
    failure: 1,
  },
  inspect: {
    run: lazy(async () => (await import('./inspect-commands.ts')).imageInspect),
    usage: '[OPTIONS] IMAGE [IMAGE...]',
    help: 'Display detailed information on one or more images',
    flags: flags.IMAGE_INSPECT_FLAGS,
    complete: ['image'],
    failure: 1,
  },
  load: { run: carry('load'), usage: '[OPTIONS]', help: 'Load images from a tar archive or STDIN', flags: flags.LOAD_FLAGS, complete: ['none'], failure: 1 },
  ls: {
    run: look('images'),
    usage: '[OPTIONS] [REPOSITORY[:TAG]]',
    help: 'List images',
    flags: flags.IMAGES_FLAGS,
    aliases: ['list'],
    complete: ['image', 'none'],
    failure: 1,
  },
  prune: { run: look('imagePrune'), usage: '[OPTIONS]', help: 'Remove unused images', flags: flags.PRUNE_FLAGS, complete: ['none'], failure: 1 },
  pull: {
    run: carry('pull'),
    usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
    help: 'Download an image from a registry',
    flags: flags.PULL_FLAGS,
    complete: ['image', 'none'],
    failure: 1,
  },
  push: {
    run: carry('push'),
    usage: '[OPTIONS] NAME[:TAG]',
    help: 'Upload an image to a registry',
    flags: flags.PUSH_FLAGS,
    complete: ['image', 'none'],
    failure: 1,
  },
  rm: {
    run: look('rmi'),
    usage: '[OPTIONS] IMAGE [IMAGE...]',
    help: 'Remove one or more images',
    flags: flags.RMI_FLAGS,
    aliases: ['remove'],
    complete: ['image'],
    failure: 1,
  },
  save: {
    run: carry('save'),
    usage: '[OPTIONS] IMAGE [IMAGE...]',
    help: 'Save images to a tar archive (streamed to STDOUT by default)',
    flags: flags.SAVE_FLAGS,
    complete: ['image'],
    failure: 1,
  },
  tag: {
    run: look('tag'),
    usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
    help: 'Give an image one more name',
    complete: ['image', 'image', 'none'],
    failure: 1,
  },
};
