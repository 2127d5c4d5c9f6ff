/** Regular expressions that come from outside. Docker's need time that is linear in the text; those of JavaScript can need more than there is. */
import { setFlagsFromString } from 'node:v8';

/** V8's linear engine has to be asked for; nothing else uses it. */
const LINEAR = 'l';
let enabled = false;

/**
 * Whether an expression is found in a text, in time that is linear in its length. Throws `SyntaxError` for what is none, and
 * for the few that cannot be searched for so: with what Docker's do not have either, or with large counts of what is itself
 * a choice.
 */
export function boundedPattern(source: string): (text: string) => boolean {
  const plain = new RegExp(source);
  // with one choice alone there is not much to try
  const expression = (source.match(/[*+?{|]/g)?.length ?? 0) < 2 ? plain : linear(source);
  return (text) => expression.test(text);
}

function linear(source: string): RegExp {
  if (!enabled) setFlagsFromString('--enable-experimental-regexp-engine');
  enabled = true;
  return new RegExp(source, LINEAR);
}
