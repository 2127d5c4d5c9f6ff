import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBool } from './parse-bool.ts';

test("Go's truth values, and nothing else", () => {
  for (const text of ['1', 't', 'T', 'TRUE', 'true', 'True']) assert.equal(parseBool(text), true, text);
  for (const text of ['0', 'f', 'F', 'FALSE', 'false', 'False']) assert.equal(parseBool(text), false, text);
  for (const text of ['', 'tRUE', 'yes', 'on', '2', ' true', 'true\n']) assert.equal(parseBool(text), undefined, JSON.stringify(text));
});
