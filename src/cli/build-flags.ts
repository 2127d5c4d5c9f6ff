/** The flags of `kobako build` and of the commands on the build cache: data that help and completion need, too. */
import type { Flag } from './flags.ts';

const value = (name: string, what: string, help: string, short?: string): Flag => ({
  name,
  kind: 'value',
  value: what,
  help,
  ...(short === undefined ? {} : { short }),
});
const list = (name: string, what: string, help: string, short?: string): Flag => ({
  name,
  kind: 'list',
  value: what,
  help,
  ...(short === undefined ? {} : { short }),
});
/** Of docker's older builder. What they ask for is so in any case (`held`), or cannot be had. */
export const OLD_FLAGS: readonly (Flag & { readonly held?: readonly string[] })[] = [
  ...['rm', 'force-rm', 'compress', 'disable-content-trust'].map((name): Flag & { held: readonly string[] } => ({
    name,
    kind: 'flag',
    help: 'So in any case',
    hidden: true,
    held: ['true'],
  })),
  { name: 'isolation', kind: 'value', help: 'So in any case', hidden: true, held: ['', 'default'] },
  { name: 'squash', kind: 'flag', help: 'Not supported', hidden: true, held: ['false'] },
  ...['memory', 'memory-swap', 'cpu-shares', 'cpu-quota', 'cpu-period', 'cpuset-cpus', 'cpuset-mems', 'security-opt'].map((name): Flag => ({
    name,
    kind: 'value',
    help: 'Not supported',
    hidden: true,
  })),
];

export const BUILD_FLAGS: readonly Flag[] = [
  list('add-host', 'strings', 'Add a custom host-to-IP mapping (format: "host:ip")'),
  list('allow', 'strings', 'Allow extra privileged entitlement (e.g., "network.host", "security.insecure")'),
  list('attest', 'stringArray', 'Attestation parameters (format: "type=provenance,mode=max")'),
  list('build-arg', 'stringArray', 'Set build-time variables'),
  list('build-context', 'stringArray', 'Additional build contexts (e.g., name=path)'),
  list('cache-from', 'stringArray', 'External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")'),
  list('cache-to', 'stringArray', 'Cache export destinations (e.g., "type=inline", "type=local,dest=path/to/dir")'),
  {
    name: 'call',
    kind: 'value',
    value: 'string',
    help: 'Set method for evaluating build ("check", "outline", "targets") (default "build")',
    complete: ['build', 'check', 'outline', 'targets'],
  },
  value('cgroup-parent', 'string', 'Set the parent cgroup for the "RUN" instructions during build'),
  { name: 'check', kind: 'flag', help: 'Shorthand for "--call=check"' },
  value('file', 'string', 'Name of the Dockerfile (default: "PATH/Dockerfile")', 'f'),
  value('iidfile', 'string', 'Write the image ID to a file'),
  list('label', 'stringArray', 'Set metadata for an image'),
  { name: 'load', kind: 'flag', help: 'Shorthand for "--output=type=docker": the result is an image here in any case', hidden: true },
  value('metadata-file', 'string', 'Write build result metadata to a file'),
  value('network', 'string', 'Set the networking mode for the "RUN" instructions during build (default "default")'),
  { name: 'no-cache', kind: 'flag', help: 'Do not use cache when building the image' },
  list('no-cache-filter', 'stringArray', 'Do not cache specified stages'),
  list('output', 'stringArray', 'Output destination (format: "type=local,dest=path")', 'o'),
  value('platform', 'string', 'Set target platform for build'),
  {
    name: 'progress',
    kind: 'value',
    value: 'string',
    help: 'Set type of progress output ("auto", "plain", "tty", "quiet", "rawjson")',
    complete: ['auto', 'plain', 'tty', 'quiet', 'rawjson'],
  },
  value('provenance', 'string', 'Shorthand for "--attest=type=provenance": "true", "false" or its parameters'),
  { name: 'pull', kind: 'flag', help: 'Always attempt to pull all referenced images' },
  { name: 'push', kind: 'flag', help: 'Push the image to its registry when it is built' },
  { name: 'quiet', short: 'q', kind: 'flag', help: 'Suppress the build output and print image ID on success' },
  value('sbom', 'string', 'Shorthand for "--attest=type=sbom": "false", as there is no scanner here'),
  list('secret', 'stringArray', 'Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")'),
  value('shm-size', 'bytes', 'Shared memory size for build containers'),
  list('ssh', 'stringArray', 'SSH agent socket to expose to the build (format: "default|<id>[=<socket>]")'),
  list('tag', 'stringArray', 'Name and optionally a tag (format: "name:tag")', 't'),
  value('target', 'string', 'Set the target build stage to build'),
  list('ulimit', 'ulimit', 'Ulimit options (default [])'),
  ...OLD_FLAGS,
];

export const BUILDER_PRUNE_FLAGS: readonly Flag[] = [
  { name: 'all', short: 'a', kind: 'flag', help: 'Remove all build cache, not just what no image has' },
  { name: 'filter', kind: 'list', value: 'filter', help: 'Provide filter values (e.g. "until=24h")' },
  { name: 'force', short: 'f', kind: 'flag', help: 'Do not prompt for confirmation' },
  { name: 'keep-storage', kind: 'value', value: 'bytes', help: 'The older name of --reserved-space', hidden: true },
  { name: 'max-used-space', kind: 'value', value: 'bytes', help: 'Maximum amount of disk space allowed to keep for cache' },
  { name: 'min-free-space', kind: 'value', value: 'bytes', help: 'Target amount of free disk space after pruning' },
  { name: 'reserved-space', kind: 'value', value: 'bytes', help: 'Amount of disk space always allowed to keep for cache' },
];
