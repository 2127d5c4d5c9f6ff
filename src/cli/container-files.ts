/** diff and commit: what a container has written. */
import { invalid } from '../base/errors.ts';
import { COMMIT_FLAGS } from './container-flags.ts';
import { say, type Command } from './context.ts';
import { parseFlags } from './flags.ts';

const KINDS = ['C', 'A', 'D'] as const;

/** `kobako diff CONTAINER` */
export const diff: Command = async (args, context) => {
  const [name, ...more] = parseFlags([], args, { interspersed: true }).rest;
  if (name === undefined || more.length > 0) throw invalid('"kobako diff" requires exactly 1 argument');
  const { containers } = await context.engine();
  for (const { Kind, Path } of await containers.changes(name)) say(context, `${KINDS[Kind]} ${Path}`);
  return 0;
};

/** `kobako commit [FLAGS] CONTAINER [REPOSITORY[:TAG]]` */
export const commit: Command = async (args, context) => {
  const flags = parseFlags(COMMIT_FLAGS, args, { interspersed: true });
  const [name, image, ...more] = flags.rest;
  if (name === undefined || more.length > 0) throw invalid('"kobako commit" requires at least 1 and at most 2 arguments');
  const { containers } = await context.engine();
  const { repo, tag } = splitName(image ?? '');
  const { Id } = await containers.commit(name, {
    repo,
    tag,
    comment: flags.value('message'),
    author: flags.value('author'),
    pause: !flags.has('pause') || flags.on('pause'),
    changes: flags.list('change'),
  });
  say(context, Id);
  return 0;
};

/** `host:5000/name:tag`: a registry's port is no tag. */
function splitName(text: string): { repo: string | undefined; tag: string | undefined } {
  const colon = text.lastIndexOf(':');
  const has = colon > text.lastIndexOf('/');
  return { repo: (has ? text.slice(0, colon) : text) || undefined, tag: has ? text.slice(colon + 1) : undefined };
}
