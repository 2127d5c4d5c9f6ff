/** What a case of the corpus is: a Dockerfile, its context, and how it is built. */
import type { Base } from '../bases.ts';
import { type LayerEntry } from '../../support/layers.ts';

export interface BuildCase {
  /** Also of its file in `expected`. */
  readonly name: string;
  /** Default: `dockerfiles/NAME.Dockerfile`. `@SERVER@` stands for the test's web server, `@BEFORE@` for the image of `before`. */
  readonly dockerfile?: string;
  /** Default: empty. Of owners only root's are kept: clients send no others. */
  readonly context?: readonly LayerEntry[] | (() => readonly LayerEntry[]);
  /** Further ones of `docker build`; `@DIR@` is a folder of the case's own, `@AGENT@` the socket of an SSH agent without keys. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of the context's folder. */
  readonly source?: string;
  /** A Dockerfile that is built first: the image that `@BEFORE@` names. */
  readonly before?: string;
  /** Default: busybox alone. */
  readonly bases?: readonly Base[];
  /** Files for what `args` names, in `@DIR@`. */
  readonly beside?: readonly LayerEntry[];
  /**
   * What there is to compare. Default: the image. `local`: the folder `@DIR@/out`; `tar`: the archive `@DIR@/out.tar`;
   * `text`: what the command prints on stdout.
   */
  readonly result?: 'image' | 'local' | 'tar' | 'text';
  /** The classic builder knows all that the case uses: it is built with that one, too. */
  readonly classic?: boolean;
  /** Why a real Docker of Debian's cannot say what is expected: what is in `expected` was written by hand. */
  readonly byHand?: string;
  /** Paths whose content depends on the versions of Debian's packages. */
  readonly opaque?: RegExp;
}
