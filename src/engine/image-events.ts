/** What happens to images, as Docker's events tell it. */
import type { Digest } from '../base/digest.ts';
import type { ImageParts } from './image-parts.ts';

export type ImageAction = 'pull' | 'push' | 'tag' | 'untag' | 'delete' | 'load' | 'save' | 'import' | 'create' | 'prune';

/**
 * Called when it has happened. `id` is an image's id; of pull and push the name that was asked for; '' of prune.
 * The attributes are Docker's: `name`, and the image's labels; of prune `reclaimed`, in bytes.
 */
export type OnImageEvent = (action: ImageAction, id: string, attributes: Readonly<Record<string, string>>) => void;

/** Tells of an image that is here, with its labels. */
export function tell(parts: ImageParts, action: ImageAction, id: string, name: string, image: Digest | undefined): void {
  const labels = image === undefined ? {} : parts.store.entriesOf(image)[0]?.facts.labels;
  parts.onEvent?.(action, id, { ...labels, name });
}
