import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EngineError, invalid } from '../base/errors.ts';
import type { CommandEntry, Program } from './commands.ts';
import type { CliContext } from './context.ts';
import { dispatch } from './dispatch.ts';
import { parseFlags, type Flag } from './flags.ts';
import { KOBAKO } from './main.ts';

const FLAGS: readonly Flag[] = [
  { name: 'all', short: 'a', kind: 'flag', help: 'Show all boxes (default shows just the open ones)' },
  {
    name: 'filter',
    kind: 'list',
    value: 'filter',
    help: 'Only those that are as is said here; several filters must all hold, and what is longer than a line is broken',
  },
];
const seen: unknown[] = [];
const list: CommandEntry = {
  run: async (args, context) => {
    const flags = parseFlags(FLAGS, args, { interspersed: true });
    seen.push([flags.on('all'), flags.rest, context.env.DOCKER_CONFIG]);
    if (flags.rest[0] === 'bad') throw invalid('bad box', 'take another');
    if (flags.rest[0] === 'late') throw new EngineError('internal', 'too late', { detail: { exitCode: 126, shown: '  at 5' } });
    if (flags.rest[0] === 'bug') throw new Error('a bug');
    if (flags.rest[0] === 'cancelled') throw new EngineError('cancelled', 'context canceled', { detail: { exitCode: 130 } });
    return 0;
  },
  usage: '[OPTIONS] [BOX]',
  help: 'List boxes',
  flags: FLAGS,
  aliases: ['list'],
  failure: 3,
};
const PROGRAM: Program = {
  ...KOBAKO,
  name: 'tool',
  version: '9.9',
  help: 'Boxes and more',
  commands: {
    open: { ...list, run: async () => 7, help: 'Open a box', aliases: [], group: 'common' },
    box: { help: 'Manage boxes', commands: { ls: list, shut: { ...list, run: async () => 0, help: 'Shut a box', aliases: [] } } },
    boxes: list,
    secret: { ...list, run: async () => 8, group: 'hidden' },
  },
};

async function run(...argv: string[]) {
  const out = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({ write: (text: string) => ((out[name] += text), true) });
  const context = { stdout: stream('stdout'), stderr: stream('stderr'), env: { DOCKER_CONFIG: '/given' } } as unknown as CliContext;
  seen.length = 0;
  return { code: await dispatch(PROGRAM, argv, context), ...out };
}

describe('finding the command', () => {
  test('at the top, in a group, by an alias; global options before it', async () => {
    assert.equal((await run('open')).code, 7);
    assert.equal((await run('secret')).code, 8);
    for (const argv of [
      ['boxes', '-a', 'x'],
      ['box', 'ls', 'x', '--all'],
      ['box', 'list', '-a', 'x'],
    ]) {
      assert.equal((await run(...argv)).code, 0);
      assert.deepEqual(seen, [[true, ['x'], '/given']], argv.join(' '));
    }
    await run('--config', '/mine', 'boxes');
    assert.deepEqual(seen, [[false, [], '/mine']]);
  });
  test('the version', async () => {
    for (const flag of ['-v', '--version']) assert.deepEqual(await run(flag), { code: 0, stdout: 'tool version 9.9\n', stderr: '' });
  });
  test('one that is not there: what was meant', async () => {
    assert.deepEqual(await run('opne'), { code: 1, stdout: '', stderr: 'tool: unknown command: tool opne\nhint: did you mean "tool open"?\n' });
    assert.deepEqual(await run('boxs'), { code: 1, stdout: '', stderr: 'tool: unknown command: tool boxs\nhint: did you mean "tool box" or "tool boxes"?\n' });
    assert.deepEqual(await run('box', 'shot'), { code: 1, stdout: '', stderr: 'tool: unknown command: tool box shot\nhint: did you mean "tool box shut"?\n' });
    assert.equal((await run('secre')).stderr, 'tool: unknown command: tool secre\nhint: tool --help shows what there is\n');
    for (const word of ['constructor', '__proto__', '']) assert.match((await run(word)).stderr, /^tool: unknown command: /);
  });
});

describe('failing', () => {
  test('the command’s code, or the error’s own', async () => {
    assert.deepEqual(await run('boxes', 'bad'), { code: 3, stdout: '', stderr: 'tool: bad box\nhint: take another\n' });
    assert.deepEqual(await run('boxes', 'late'), { code: 126, stdout: '', stderr: 'tool: too late\n  at 5\n' });
    assert.deepEqual(await run('boxes', 'cancelled'), { code: 130, stdout: '', stderr: '' });
    const bug = await run('boxes', 'bug');
    assert.equal(bug.code, 3);
    assert.match(bug.stderr, /^tool: Error: a bug\n +at /);
  });
  test('flags that cannot be read: 125 and the usage, as docker', async () => {
    const usage = "\nUsage:  tool boxes [OPTIONS] [BOX]\n\nRun 'tool boxes --help' for more information\n";
    assert.deepEqual(await run('boxes', '--nope'), { code: 125, stdout: '', stderr: `tool: unknown flag: --nope\n${usage}` });
    assert.deepEqual(await run('boxes', '--filter'), { code: 125, stdout: '', stderr: `tool: flag needs an argument: --filter\n${usage}` });
    assert.deepEqual(await run('--nope', 'boxes'), {
      code: 125,
      stdout: '',
      stderr: "tool: unknown flag: --nope\n\nUsage:  tool\n\nRun 'tool --help' for more information\n",
    });
  });
});

const COMMAND_HELP = `Usage:  tool box ls [OPTIONS] [BOX]

List boxes

Aliases:
  tool box ls, tool box list, tool boxes, tool list

Options:
  -a, --all             Show all boxes (default shows just the open ones)
      --filter filter   Only those that are as is said here; several
                        filters must all hold, and what is longer than a
                        line is broken
`;

describe('help', () => {
  test('of a command, anywhere among its flags', async () => {
    for (const argv of [
      ['box', 'ls', '--help'],
      ['box', 'list', 'x', '-a', '--help', 'y'],
      ['box', 'ls', '-h'],
      ['help', 'box', 'ls'],
    ])
      assert.deepEqual(await run(...argv), { code: 0, stdout: COMMAND_HELP, stderr: '' }, argv.join(' '));
  });
  test('of a group', async () => {
    const stdout = `Usage:  tool box COMMAND

Manage boxes

Commands:
  ls          List boxes
  shut        Shut a box

Run 'tool box COMMAND --help' for more information on a command.
`;
    for (const argv of [['box'], ['box', '--help'], ['box', 'help'], ['help', 'box']]) assert.deepEqual(await run(...argv), { code: 0, stdout, stderr: '' });
  });
  test('of all: grouped, without what is hidden', async () => {
    const stdout = `Usage:  tool [OPTIONS] COMMAND

Boxes and more

Common Commands:
  open        Open a box

Management Commands:
  box         Manage boxes

Commands:
  boxes       List boxes

Global Options:
      --config string   Location of client config files (default "~/.docker")
  -H, --host list       Daemon socket to connect to
  -v, --version         Print version information and quit

Run 'tool COMMAND --help' for more information on a command.
`;
    for (const argv of [[], ['--help'], ['help'], ['-h']]) assert.deepEqual(await run(...argv), { code: 0, stdout, stderr: '' });
  });
});

test('each command of kobako says what it does, and its flags have one meaning', () => {
  const check = (table: Program['commands']) => {
    for (const [name, node] of Object.entries(table)) {
      assert.match(node.help, /^[A-Z].*[^.]$/, name);
      if ('commands' in node) check(node.commands);
      else {
        const names = (node.flags ?? []).flatMap((flag) => [flag.name, ...(flag.short === undefined ? [] : [flag.short])]);
        assert.equal(new Set(names).size, names.length, name);
      }
    }
  };
  check(KOBAKO.commands);
});
