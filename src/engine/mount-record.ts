/** What a container has mounted, place by place: decided when it is made, and kept with it. */
import type { ContainerImage } from './container-root.ts';

export interface MountRecord {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'image';
  /** A volume's; '' while it is to be made up. */
  readonly name?: string;
  /** Of a bind a path of the host, of an image its name as it was asked for. */
  readonly source: string;
  /** Clean and absolute. */
  readonly destination: string;
  /** As given after the last colon; Docker's `z` for volumes where nothing was. */
  readonly mode: string;
  readonly rw: boolean;
  /** Of a bind: `rprivate` and such. */
  readonly propagation: string;
  /** What of mount(8)'s words the fields above do not say. */
  readonly options: readonly string[];
  /** Of a bind: a folder is made where its source is missing. */
  readonly create?: boolean;
  /** Of a volume: what the image has at the place goes into it while it is empty. */
  readonly copy?: boolean;
  /** Of a volume without a name of the user's: it goes with the container where that is asked for. */
  readonly anonymous?: boolean;
  /** Of a volume or an image: what of it is mounted, a relative path. */
  readonly subpath?: string;
  /** What an image's name stood for. */
  readonly image?: ContainerImage;
  /** Of an image: its subpath names a file. */
  readonly file?: boolean;
}

/** A mount with what a volume that has to be made for it would be like. */
export interface WantedMount extends MountRecord {
  readonly volume?: {
    readonly driver: string;
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly options?: Readonly<Record<string, string>> | undefined;
  };
}
