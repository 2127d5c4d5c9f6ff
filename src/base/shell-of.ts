const DEFAULT_SHELL: readonly string[] = ['/bin/sh', '-c'];

/** What runs a command line that is a text: a config's `Shell`, or Docker's default. */
export function shellOf(shell: readonly string[] | null | undefined): readonly string[] {
  return shell?.length ? shell : DEFAULT_SHELL;
}
