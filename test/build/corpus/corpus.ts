/** All of them. */
import { ADD } from './add.ts';
import type { BuildCase } from './case.ts';
import { CHECKS } from './checks.ts';
import { CONFIG } from './config.ts';
import { COPY } from './copy.ts';
import { ERRORS } from './errors.ts';
import { LANGUAGE } from './language.ts';
import { REAL } from './real.ts';
import { RUN } from './run.ts';
import { STAGES_AND_MORE } from './stages.ts';

export const CORPUS: readonly BuildCase[] = [...CONFIG, ...LANGUAGE, ...RUN, ...COPY, ...ADD, ...STAGES_AND_MORE, ...CHECKS, ...ERRORS, ...REAL];
