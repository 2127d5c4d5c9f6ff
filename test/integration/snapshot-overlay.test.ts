import { driverSuite } from '../../src/snapshot/driver.suite.ts';
import { openDriver } from '../support/snapshot-drivers.ts';

driverSuite({ name: 'overlay', open: (dir) => openDriver('overlay', dir) });
