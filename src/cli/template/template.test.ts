import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TemplateError } from './nodes.ts';
import { Template } from './template.ts';
import { Float, GoMap, GoSlice, Nil, Struct } from './values.ts';

const run = (text: string, data: unknown = {}) => new Template(text).execute(data);
const refused = (text: string, data: unknown = {}) => {
  try {
    run(text, data);
  } catch (error) {
    assert.ok(error instanceof TemplateError, String(error));
    return error.message;
  }
  return assert.fail(`${text} was taken`);
};

// what docker's own client says to many templates is in test/clients/docker-output; here is what that does not show
describe('values that documents do not have', () => {
  test('ints of any size, whole floats, nil pointers, empty slices and maps', () => {
    const data = {
      big: 1_795_651_576_001_002_003n,
      float: new Float(3),
      nil: new Nil('*x.Y'),
      none: new GoSlice('[]string', []),
      map: new GoMap('map[string]string', {}, ''),
    };
    assert.equal(run('{{.big}} {{.float}} {{.nil}} {{.none}} {{.map}} {{json .big}}', data), '1795651576001002003 3 <nil> [] map[] 1795651576001002003');
    assert.equal(run('{{if .nil}}yes{{else}}no{{end}} {{index .map "x"}}| {{.map.x}}', data), 'no | <no value>');
    const struct = new Struct('x.Z', ['Nil'], () => data.nil);
    assert.match(refused('{{.Nil.Field}}', struct), /: nil pointer evaluating \*x\.Y\.Field$/);
    assert.match(refused('{{.nil.Field}}', data), /: nil pointer evaluating interface \{\}\.Field$/);
    assert.equal(run('{{range .none}}x{{end}}{{range .missing}}x{{else}}e{{end}}', data), 'e');
  });
  test('structs: fields in their order, methods with arguments, what they print as', () => {
    const made: string[] = [];
    const inner = new Struct('x.Inner', ['A'], () => 'a', { text: () => 'as text' });
    const fields: Record<string, unknown> = { One: 1, Two: 'two', In: inner, Label: (name: string) => `<${name}>` };
    const data = new Struct('x.Y', Object.keys(fields), (name) => (made.push(name), fields[name]));
    assert.equal(run('{{.Label "a"}} {{"b" | .Label}} {{.Two}}', data), '<a> <b> two');
    assert.deepEqual(made, ['Label', 'Label', 'Two'], 'only what is asked for is made');
    assert.equal(run('{{.}} {{json .}} {{printf "%+v" .}}', data), '{1 two as text} {"One":1,"Two":"two","In":{"A":"a"}} {One:1 Two:two In:as text}');
    assert.match(refused('{{.Label}}', data), /at <\.Label>: wrong number of args for Label: want 1 got 0$/);
    assert.match(refused('{{.Nope}}', data), /^template: :1:2: executing "" at <\.Nope>: can't evaluate field Nope in type x\.Y$/);
    assert.match(refused('{{.Two "x"}}', data), /Two has arguments but cannot be invoked as function$/);
    assert.match(refused('{{.constructor}}', data), /can't evaluate field constructor/);
  });
  test('names that JavaScript gives to every object are no keys', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      assert.equal(run(`{{.${name}}}`, { a: 1 }), '<no value>');
      assert.equal(run(`{{index . "${name}"}}`, { a: 1 }), '<no value>');
      assert.match(refused(`{{${name} 1}}`), /function ".*" not defined/);
    }
  });
  test('strict: what a map does not have is an error', () => {
    assert.throws(() => new Template('{{.a.b}}').execute({ a: {} }, { strict: true }), /at <\.a\.b>: map has no entry for key "b"$/);
    assert.throws(() => new Template('{{.x.y.z}}').execute({ x: {} }, { strict: true }), /map has no entry for key "y"/);
  });
});

test('headings: docker’s functions leave them alone', () => {
  assert.equal(new Template('{{.Names | upper | truncate 2}}').uses('Names'), true);
  assert.equal(
    new Template('{{.Names | lower}} {{truncate .ID 2}} {{json .ID}}').headings({ Names: 'NAMES', ID: 'CONTAINER ID' }),
    'NAMES CONTAINER ID CONTAINER ID',
  );
});

test('which fields are asked for', () => {
  for (const text of [
    '{{.Size}}',
    '{{if true}}{{range .x}}{{$.Size}}{{end}}{{end}}',
    '{{printf "%s" (index (split .Size " ") 0)}}',
    '{{with .a}}{{else}}{{(.b).Size}}{{end}}',
  ])
    assert.equal(new Template(text).uses('Size'), true, text);
  for (const text of ['Size', '{{.Sizes}}', '{{"Size"}}', '{{/* .Size */}}']) assert.equal(new Template(text).uses('Size'), false, text);
});

describe('hostile templates end', () => {
  const cases: [what: string, text: string, message: RegExp][] = [
    ['a long loop', '{{range 99999999999}}{{end}}', /too many steps/],
    ['loops in loops', `${'{{range 99999}}'.repeat(5)}x${'{{end}}'.repeat(5)}`, /too many steps|writes too much/],
    ['a template that calls itself', '{{define "t"}}{{template "t"}}{{end}}{{template "t"}}', /exceeded maximum template depth/],
    [
      'templates that call each other twice',
      '{{define "a"}}{{template "b"}}{{template "b"}}{{end}}{{define "b"}}{{template "a"}}{{end}}{{template "a"}}',
      /maximum template depth/,
    ],
    ['parentheses', `{{${'('.repeat(100_000)}1${')'.repeat(100_000)}}}`, /depth exceeded/],
    ['blocks', '{{if true}}'.repeat(100_000), /depth exceeded/],
    ['else if', `{{if false}}${'{{else if false}}'.repeat(100_000)}{{end}}`, /depth exceeded/],
    ['a text that doubles', '{{$x := "xxxxxxxx"}}{{range 99}}{{$x = print $x $x}}{{end}}', /too long a text/],
    ['much output', `{{$x := printf "%999999d" 1}}{{range 9999}}{{$x}}{{end}}`, /writes too much/],
    ['padding', '{{pad "x" 99999999999 1}}', /too much padding/],
    ['a wide number', '{{printf "%99999999999d" 1}}x{{.a.b.c}}{{len 1}}', /len of type int/],
  ];
  for (const [what, text, message] of cases) test(what, () => assert.match(refused(text), message));
  test('a long chain of fields', () => assert.equal(run(`{{${'.a'.repeat(10_000)}}}`), '<no value>'));
  test('random bytes of the language', () => {
    const words = [
      '{{',
      '}}',
      '{{-',
      '-}}',
      'range',
      'if',
      'end',
      'else',
      'with',
      '.a',
      '$x',
      ':=',
      '=',
      '|',
      '(',
      ')',
      '"s"',
      '1',
      ' ',
      'printf',
      '/*',
      '*/',
      ',',
      '\n',
      'define',
      'é',
      "'",
    ];
    let seed = 1;
    const random = () => (seed = (seed * 48_271) % 2_147_483_647);
    for (let i = 0; i < 5000; i++) {
      const text = Array.from({ length: random() % 25 }, () => words[random() % words.length]).join('');
      try {
        run(text, { a: ['x'] });
      } catch (error) {
        assert.ok(error instanceof TemplateError, `${text}: ${(error as Error).stack}`);
      }
    }
  });
});
