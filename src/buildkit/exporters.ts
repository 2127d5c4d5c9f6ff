/** What becomes of a result, as clients of BuildKit say it. */
import { EngineError } from '../base/errors.ts';
import type { Exporter } from '../build/contract.ts';
import type { Attributes } from './attributes.ts';
import { clientStore } from './content.ts';
import { sendArchive, sendFiles } from './send-files.ts';
import { sendLayout } from './send-layout.ts';
import type { Session } from './sessions.ts';

export interface ExporterEntry {
  readonly Type: string;
  readonly Attrs: Attributes;
}

/** What clients call the folder that an image goes to. */
const LAYOUT = 'export';

/** `scratch`: a folder for what waits to be sent. Throws `invalid` for a type that is not known. */
export function exportersOf(entries: readonly ExporterEntry[], session: Session, scratch: string): readonly Exporter[] {
  return entries.map(({ Type, Attrs }, index): Exporter => {
    const { name = '', push, ...attributes } = Attrs;
    const names = name.split(',').filter((each) => each !== '');
    switch (Type) {
      case 'moby':
      case 'image':
        return { type: 'image', names, push: push === 'true', attributes };
      case 'docker':
      case 'oci':
      case 'tar':
        return {
          type: Type,
          names,
          attributes,
          receive: (archive, metadata, signal) =>
            Type !== 'tar' && attributes['tar'] === 'false'
              ? sendLayout(clientStore(session, LAYOUT), archive, signal)
              : sendArchive(session, index, archive, metadata, signal),
        };
      case 'local':
        return { type: 'local', attributes, receive: (archive, _metadata, signal) => sendFiles(session, index, archive, scratch, signal) };
      case 'cacheonly':
        return { type: 'cacheonly' };
      default:
        throw new EngineError('invalid', `exporter ${JSON.stringify(Type)} could not be found`);
    }
  });
}
