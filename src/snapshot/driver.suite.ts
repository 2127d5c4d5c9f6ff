/** What every snapshot driver must do, on the real kernel, as root. `test/integration/snapshot-NAME.test.ts` runs it. */
import { describe } from 'node:test';
import { changesTests } from './driver-changes.suite.ts';
import { contentTests } from './driver-content.suite.ts';
import { intakeTests } from './driver-intake.suite.ts';
import type { DriverSubject } from './driver-subject.suite.ts';

export { ingest } from './driver-subject.suite.ts';

export function driverSuite(subject: DriverSubject): void {
  describe(`snapshot driver ${subject.name}`, { skip: subject.skip ?? false }, () => {
    contentTests(subject);
    intakeTests(subject);
    changesTests(subject);
  });
}
