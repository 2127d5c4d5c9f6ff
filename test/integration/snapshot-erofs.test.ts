import { driverSuite } from '../../src/snapshot/driver.suite.ts';
import { whyNoErofs } from '../support/erofs-kernel.ts';
import { openDriver } from '../support/snapshot-drivers.ts';

driverSuite({ name: 'erofs', open: (dir) => openDriver('erofs', dir), skip: await whyNoErofs() });
