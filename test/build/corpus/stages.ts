/** Stages, targets and named contexts; what is sent of a context; where contexts and Dockerfiles come from; outputs. */
import { dir, file } from '../../support/layers.ts';
import type { BuildCase } from './case.ts';

const classic = true;
const a = [file('a', 'a\n')];

const STAGES: readonly BuildCase[] = [
  { name: 'stages-unneeded' },
  { name: 'stages-target', args: ['--target', 'one'], classic },
  { name: 'stages-target-index', args: ['--target', '0'], classic },
  { name: 'stages-parallel', classic },
  { name: 'stages-named-like-image', classic },
  { name: 'stages-arg-in-from', args: ['--build-arg', 'which=two'], classic },
  { name: 'stages-platform' },
  { name: 'named-context-folder', beside: [dir('other'), file('other/file', 'f\n')], args: ['--build-context', 'other=@DIR@/other'] },
  { name: 'named-context-image', bases: ['rich'], args: ['--build-context', 'alpine:9.9=docker-image://base/rich:1'] },
  { name: 'named-context-stage', beside: [dir('other'), file('other/file', 'f\n')], args: ['--build-context', 'replaced=@DIR@/other'] },
];

const context = [
  dir('dir'),
  dir('dir/sub'),
  dir('.git'),
  file('.git/HEAD', 'x\n'),
  file('dir/in.log', '1\n'),
  file('dir/in.txt', '2\n'),
  file('dir/sub/deep.log', '3\n'),
  file('dir/sub/keep.log', '4\n'),
  file('top.log', '5\n'),
  file('top.txt', '6\n'),
  file('ignored.log', '7\n'),
  file('#hash', '8\n'),
  file('Upper.LOG', '9\n'),
];
const ignoring = (text: string) => [...context, file('.dockerignore', text)];

const IGNORE: readonly BuildCase[] = [
  { name: 'ignore-patterns', context: ignoring('# comment\n*.log\n**/deep.*\n.git\n/dir/in.t?t\nDockerfile\n'), classic },
  { name: 'ignore-everything-but', context: ignoring('**\n!dir/sub\n!top.txt\ndir/sub/deep.log\n'), classic },
  { name: 'ignore-odd', context: ignoring('\ufeff  dir/../top.log  \n./dir/sub/\n\\#hash\n[U-Z]*.LOG\n'), classic },
  { name: 'ignore-bad', dockerfile: 'FROM base/busybox:1\nCOPY . /all\n', context: ignoring('[a-\n'), classic },
  { name: 'ignore-alone-negation', dockerfile: 'FROM base/busybox:1\nCOPY . /all\n', context: ignoring('!\n'), classic },
  { name: 'ignore-copy-ignored', context: ignoring('*.log\n'), classic },
  { name: 'ignore-named', context: [...ignoring('*.txt\n'), file('Dockerfile.dockerignore', '*.log\n')] },
  { name: 'ignore-dockerfile', context: ignoring('Dockerfile\n.dockerignore\n'), classic },
];

const SOURCES: readonly BuildCase[] = [
  {
    name: 'source-other-file',
    context: [...a, dir('sub'), file('sub/Other', 'FROM base/busybox:1\nCOPY a /other\n')],
    args: ['-f', '@DIR@/context/sub/Other'],
    classic,
  },
  {
    name: 'source-file-outside',
    dockerfile: 'FROM scratch\n',
    context: a,
    beside: [file('Outside', 'FROM base/busybox:1\nCOPY a /outside\n')],
    args: ['-f', '@DIR@/Outside'],
    classic,
  },
  { name: 'source-file-missing', dockerfile: 'FROM scratch\n', args: ['-f', '@DIR@/context/Missing'], classic },
  { name: 'source-file-empty', dockerfile: '# nothing\n\n', classic },
  { name: 'source-git', dockerfile: '', source: '@SERVER@/repo.git' },
  { name: 'source-git-ref', dockerfile: '', source: '@SERVER@/repo.git#v1:sub', classic },
  { name: 'source-tar-url', dockerfile: '', source: '@SERVER@/context.tar', classic },
  { name: 'source-dockerfile-url', dockerfile: '', source: '@SERVER@/remote.Dockerfile', classic },
  { name: 'source-missing-url', dockerfile: '', source: '@SERVER@/nothing', classic },
];

const OUTPUTS: readonly BuildCase[] = [
  { name: 'output-local', context: a, result: 'local', args: ['--output', 'type=local,dest=@DIR@/out'] },
  { name: 'output-tar', context: a, result: 'tar', args: ['--output', 'type=tar,dest=@DIR@/out.tar'] },
  { name: 'output-local-short', dockerfile: 'FROM scratch\nCOPY a /b\n', context: a, result: 'local', args: ['-o', '@DIR@/out'] },
  { name: 'source-date-epoch', context: a, env: { SOURCE_DATE_EPOCH: '1600000000' } },
  { name: 'labels-of-cli', args: ['--label', 'a=cli', '--label', 'b'], classic },
];

export const STAGES_AND_MORE: readonly BuildCase[] = [...STAGES, ...IGNORE, ...SOURCES, ...OUTPUTS];
