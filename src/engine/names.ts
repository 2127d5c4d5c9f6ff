/** Names for containers that nobody named, as Docker gives them: a word for how it is, and somebody to remember. */
import { randomInt } from 'node:crypto';

const ADJECTIVES =
  'able agile amber ample apt bold brave bright brisk calm candid clear clever cosy crisp daring deft eager early easy even fair fast fine firm fleet fond frank free fresh gentle glad good grand great happy hardy honest humble jolly keen kind light lively lucid lucky mellow merry mild modest neat nimble noble open patient plain polite prompt proud quick quiet rapid ready rich ripe robust royal sane serene sharp shy silent simple sincere sleek smart snug sober soft solid sound steady still stout strong sturdy subtle sunny sure sweet swift tender tidy tough true vivid warm wise witty young zesty'.split(
    ' ',
  );
const PEOPLE =
  'ampere archimedes babbage bardeen bell boole borg boyle braille brahe carson cerf church codd cray curie darwin dijkstra dirac dolby edison einstein engelbart euclid euler faraday fermat fermi feynman franklin galileo gauss germain goedel goodall gosling hamilton hawking heisenberg hertz hopper hoover huygens hypatia jang johnson joule kalam kay kepler knuth kowalevski lamarr lamport leavitt leibniz liskov lovelace maxwell mayer mccarthy meitner mendel mirzakhani morse murdock napier nash newton nightingale nobel noether pascal pasteur pauling perlman planck ramanujan ride ritchie rosalind shannon shirley sinoussi stallman swartz tesla thompson torvalds tu turing volta wescoff wiles wilson wozniak wright yalow yonath'.split(
    ' ',
  );

const pick = (words: readonly string[]) => words[randomInt(words.length)]!;

/** `keen_turing`; with a number after some tries. */
export function randomName(tries = 0): string {
  return `${pick(ADJECTIVES)}_${pick(PEOPLE)}${tries > 2 ? randomInt(10) : ''}`;
}
