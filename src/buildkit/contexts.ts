/** Where a build's files come from, as clients of BuildKit name it. */
import { EngineError, invalid } from '../base/errors.ts';
import type { BuildRequest, ContextSource } from '../build/contract.ts';
import type { Attributes } from './attributes.ts';
import type { LocalFolders } from './local-folders.ts';
import type { Message } from './messages.ts';
import { uploadOf } from './session-parts.ts';
import type { Session, Sessions } from './sessions.ts';

/** The host of URLs that lead to what the client reads from its standard input. */
const UPLOADS = 'http://buildkit-session/';

export interface ContextParts {
  readonly sessions: Sessions;
  readonly folders: LocalFolders;
  /** The build's own. */
  readonly session: Session;
  readonly attributes: Attributes;
  readonly inputs: Readonly<Record<string, Message>>;
  /** The image of another build's result, which is made if it has to be. */
  readonly input: (definition: Message, signal: AbortSignal) => Promise<string>;
  readonly signal: AbortSignal;
}

/** All contexts of a build, and where its Dockerfile is. Throws `invalid`. */
export async function contextsOf(parts: ContextParts): Promise<Pick<BuildRequest, 'contexts' | 'dockerfile'>> {
  const { attributes } = parts;
  const path = attributes['filename'] || 'Dockerfile';
  const main = attributes['context'];
  const contexts: Record<string, ContextSource> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (!name.startsWith('context:')) continue;
    // a platform may follow, for which alone it is: there is one platform
    contexts[name.slice('context:'.length).split('::')[0]!] = await named(parts, value);
  }
  const remote = main !== undefined && main !== '';
  contexts['context'] = remote ? await remoteContext(parts, main) : local(parts, attributes['contextkey'] || 'context');
  if (remote && attributes['dockerfilekey'] === undefined) return { contexts, dockerfile: { path } };
  contexts['dockerfile'] = local(parts, attributes['dockerfilekey'] || 'dockerfile');
  return { contexts, dockerfile: { path, context: 'dockerfile' } };
}

function local({ sessions, folders, session, attributes }: ContextParts, name: string): ContextSource {
  const id = attributes[`local-sessionid:${name}`];
  const of = (signal: AbortSignal) => (id === undefined ? Promise.resolve(session) : sessions.get(id, signal));
  return {
    kind: 'local',
    open: async (wanted, signal) => folders.open(await of(signal), name, wanted, signal),
    files: async (wanted, signal) => folders.files(await of(signal), name, wanted, signal),
  };
}

async function remoteContext(parts: ContextParts, url: string): Promise<ContextSource> {
  if (!url.startsWith(UPLOADS)) return { kind: 'remote', url };
  return { kind: 'tar', bytes: uploadOf(parts.session, url.slice(UPLOADS.length - 1), parts.signal) };
}

async function named(parts: ContextParts, value: string): Promise<ContextSource> {
  const colon = value.indexOf(':');
  const [scheme, rest] = [value.slice(0, Math.max(0, colon)), value.slice(colon + 1)];
  switch (scheme) {
    case 'local':
      return local(parts, rest);
    case 'docker-image':
      return { kind: 'image', name: rest.replace(/^\/\//, '') };
    case 'input': {
      const definition = parts.inputs[rest];
      if (definition === undefined) throw invalid(`the client gave no input ${JSON.stringify(rest)}`);
      return { kind: 'image', name: await parts.input(definition, parts.signal) };
    }
    case 'http':
    case 'https':
    case 'git':
    case 'ssh':
      return { kind: 'remote', url: value };
    default:
      if (/^[\w.-]+@[\w.-]+$/.test(scheme)) return { kind: 'remote', url: value };
      throw new EngineError('invalid', `unsupported context source ${JSON.stringify(scheme === '' ? value : scheme)}`);
  }
}
