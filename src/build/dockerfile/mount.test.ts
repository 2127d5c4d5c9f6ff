import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDevice } from './device.ts';
import { checkMount, mountFrom, parseMount } from './mount.ts';

const parse = (text: string) => parseMount(text, (value) => value.replace('$x', 'X'));

test('every option of --mount', () => {
  const none = {
    ...{
      from: '',
      source: '',
      target: '',
      id: '',
      sharing: undefined,
      required: false,
      size: 0,
      mode: undefined,
      uid: undefined,
      gid: undefined,
      env: undefined,
    },
  };
  assert.deepEqual(parse('target=/a'), { ...none, type: 'bind', target: '/a', readOnly: true });
  assert.deepEqual(parse('type=bind,from=st,src=$x/a,dst=/b,rw'), { ...none, type: 'bind', from: 'st', source: 'X/a', target: '/b', readOnly: false });
  assert.deepEqual(parse('TYPE=Cache,id=$x,sharing=Locked,destination=/c,mode=0700,uid=1,gid=2,ro=true'), {
    ...{ ...none, type: 'cache', id: 'X', sharing: 'locked', target: '/c', mode: 0o700, uid: 1, gid: 2, readOnly: true },
  });
  assert.deepEqual(parse('type=tmpfs,target=/t,size=1m'), { ...none, type: 'tmpfs', target: '/t', size: 1 << 20, readOnly: false });
  assert.deepEqual(parse('type=secret,id=s,env=TOKEN,required'), { ...none, type: 'secret', id: 's', env: 'TOKEN', required: true, readOnly: true });
  assert.deepEqual(parse('type=ssh,required=false,"target=/a,b"'), { ...none, type: 'ssh', target: '/a,b', readOnly: true });
  assert.equal(parse('target=/a,readwrite=false').readOnly, true);
  assert.equal(mountFrom('type=bind,from=a,FROM=b'), 'b');
});

test('what is no mount, in words of BuildKit', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['type=foo', 'unsupported mount type "foo"'],
    ['type=cahce', 'unsupported mount type "cahce" (did you mean cache?)'],
    ['type=bind,targt=/x', "unexpected key 'targt' in 'targt=/x' (did you mean target?)"],
    ['type=secret', 'invalid secret mount. one of source, target required'],
    ['type=secret,id=s,source=t', "both source and id can't be set"],
    ['type=secret,id=s,from=x', 'secret mount should not have a from'],
    ['type=secret,id=s,sharing=shared', 'secret mount should not define sharing'],
    ['target=/x,mode=7', 'mode not allowed for "bind" type mounts'],
    ['target=/x,uid=7', 'uid not allowed for "bind" type mounts'],
    ['target=/x,sharing=shared', 'invalid cache sharing set for bind mount'],
    ['target=/x,size=1', "unexpected key 'size' for mount type 'bind'"],
    ['type=tmpfs,size=x', 'invalid value for size: x'],
    ['target=/x,required', "unexpected key 'required' for mount type 'bind'"],
    ['type=cache,mode=8', 'invalid value 8 for mode'],
    ['type=cache,uid=x', 'invalid value x for uid'],
    ['ro=x', 'invalid value for ro: x'],
    ['foo', "invalid field 'foo' must be a key=value pair"],
    ['', 'failed to parse csv mounts: EOF'],
  ];
  for (const [text, message] of cases) assert.throws(() => parse(text), { name: 'EngineError', kind: 'invalid', message }, text);
  assert.throws(() => parse('a"b'), /failed to parse csv mounts/);
  assert.throws(() => checkMount('from=$x'), { message: "'from' doesn't support variable expansion, define alias stage instead" });
  assert.doesNotThrow(() => checkMount('target=$x,unknown'), 'the rest is told when variables are known');
});

test('devices', () => {
  assert.deepEqual(parseDevice('vendor.com/class=dev'), { name: 'vendor.com/class=dev', required: false });
  assert.deepEqual(parseDevice('name=v/c,required=true'), { name: 'v/c', required: true });
  assert.throws(() => parseDevice('a,b'), { message: "invalid field 'b' must be a key=value pair" });
  assert.throws(() => parseDevice('a,nam=b'), { message: "unexpected key 'nam' in 'nam=b' (did you mean name?)" });
  assert.throws(() => parseDevice('a,name=b'), { message: 'device name already set to a' });
});
