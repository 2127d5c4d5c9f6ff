/** Patterns of `.dockerignore` (and of `--exclude`), matched as moby/patternmatcher does. Time is bounded, whatever they are. */
import { posix } from 'node:path';
import { invalid } from '../../base/errors.ts';

import { checkGlob, Wild } from './wild.ts';

interface Pattern {
  readonly wild: Wild;
  /** `!pattern`: what it matches is not left out after all. */
  readonly exception: boolean;
}

/** What a folder's patterns told, for the files in it: see `below`. */
export type ParentMatches = readonly boolean[];

export class IgnorePatterns {
  readonly hasExceptions: boolean;
  readonly #patterns: readonly Pattern[];

  /** Throws `invalid` in moby's words for a pattern that cannot be. Order counts: a later one overrules those before it. */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.flatMap((text) => {
      const trimmed = text.trim();
      if (trimmed === '') return [];
      // cleaned with its `!`, as moby does
      const clean = withoutEndSlash(posix.normalize(trimmed));
      const exception = clean.startsWith('!');
      const pattern = exception ? clean.slice(1) : clean;
      if (exception && pattern === '') throw invalid('illegal exclusion pattern: "!"');
      checkGlob(pattern);
      return [{ wild: new Wild(pattern), exception }];
    });
    this.hasExceptions = this.#patterns.some(({ exception }) => exception);
  }

  /** Whether a path (relative, `/` between names) or a folder above it is matched, and no later exception takes it back. */
  matches(path: string): boolean {
    let matched = false;
    for (const { wild, exception } of this.#patterns) {
      if (exception !== matched) continue;
      if (wild.matchesOrParent(path)) matched = !exception;
    }
    return matched;
  }

  /** As `matches`, for a walk from the top: `parent` is what came out for the folder that the path is in. */
  below(path: string, parent: ParentMatches | undefined): { readonly matched: boolean; readonly own: ParentMatches } {
    let matched = false;
    const own = this.#patterns.map(({ wild, exception }, index) => {
      let match = parent?.[index] ?? false;
      if (!match) {
        if (exception !== matched) return false;
        match = parent === undefined ? wild.matchesOrParent(path) : wild.matches(path);
      }
      if (match) matched = !exception;
      return match;
    });
    return { matched, own };
  }
}

function withoutEndSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
