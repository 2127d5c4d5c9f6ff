import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { invalid } from '../base/errors.ts';
import { flagHelp, parseFlags, type Flag } from './flags.ts';

const TABLE: readonly Flag[] = [
  { name: 'rm', kind: 'flag', help: 'Remove' },
  { name: 'tty', short: 't', kind: 'flag', help: 'Terminal' },
  { name: 'interactive', short: 'i', kind: 'flag', help: 'Input' },
  { name: 'name', kind: 'value', help: 'Name' },
  { name: 'env', short: 'e', kind: 'list', value: 'list', help: 'Variable' },
];
const parse = (...args: string[]) => parseFlags(TABLE, args);

describe('as pflag reads them', () => {
  const cases: [args: string[], values: Record<string, readonly string[]>, rest: string[]][] = [
    [[], {}, []],
    [['--rm', 'a', '--rm'], { rm: ['true'] }, ['a', '--rm']],
    [['--rm=false', '--rm=T'], { rm: ['false', 'true'] }, []],
    [['-it', 'a'], { interactive: ['true'], tty: ['true'] }, ['a']],
    [['-ti=false'], { tty: ['true'], interactive: ['false'] }, []],
    [['-e', 'A=1', '-eB=2', '-e=C=3', '--env', 'D', '--env=E=5=6'], { env: ['A=1', 'B=2', 'C=3', 'D', 'E=5=6'] }, []],
    [['-ite', 'X'], { interactive: ['true'], tty: ['true'], env: ['X'] }, []],
    [['--name', '--rm', '-'], { name: ['--rm'] }, ['-']],
    [['--name=', 'x'], { name: [''] }, ['x']],
    [['--', '--rm'], {}, ['--rm']],
    [['a', '--'], {}, ['a', '--']],
  ];
  for (const [args, values, rest] of cases) {
    test(args.join(' ') || 'nothing', () => {
      const flags = parse(...args);
      assert.deepEqual([Object.fromEntries(TABLE.flatMap(({ name }) => (flags.has(name) ? [[name, flags.list(name)]] : []))), flags.rest], [values, rest]);
    });
  }
  test('between the arguments too, where a command takes them so', () => {
    const flags = parseFlags(TABLE, ['a', '--rm', 'b', '--', '-t'], { interspersed: true });
    assert.deepEqual([flags.rest, flags.on('rm'), flags.on('tty')], [['a', 'b', '-t'], true, false]);
  });
});

describe('refused, word for word as docker 28 does', () => {
  const cases: [args: string[], message: string][] = [
    [['--nonsense'], 'unknown flag: --nonsense'],
    [['--nonsense=1'], 'unknown flag: --nonsense'],
    [['-X'], "unknown shorthand flag: 'X' in -X"],
    [['-tX'], "unknown shorthand flag: 'X' in -tX"],
    [['--name'], 'flag needs an argument: --name'],
    [['-e'], "flag needs an argument: 'e' in -e"],
    [['--rm=maybe'], 'invalid argument "maybe" for "--rm" flag: strconv.ParseBool: parsing "maybe": invalid syntax'],
    [['-t=2'], 'invalid argument "2" for "-t, --tty" flag: strconv.ParseBool: parsing "2": invalid syntax'],
    [['--constructor'], 'unknown flag: --constructor'],
  ];
  for (const [args, message] of cases) test(args.join(' '), () => assert.throws(() => parse(...args), { kind: 'invalid', message }));
  test('a value that cannot be read is named with its flag', () => {
    const refuse = (text: string): never => {
      throw invalid(`bad ${text}`, 'a hint');
    };
    assert.throws(() => parse('-e', 'x').readAll('env', refuse), { message: 'invalid argument "x" for "-e, --env" flag: bad x', hint: 'a hint' });
    assert.equal(parse().read('name', refuse), undefined);
    assert.throws(() => parse('--name', 'x').read('name', () => void JSON.parse('{')), SyntaxError, 'a fault of ours stays what it is');
  });
});

test('help is a table', () => {
  assert.equal(
    flagHelp(TABLE.slice(1, 5)),
    ['  -t, --tty           Terminal', '  -i, --interactive   Input', '      --name string   Name', '  -e, --env list      Variable'].join('\n'),
  );
});
