import { startLayerThread } from '../../src/engine/layer-threads.ts';
import { driverSuite } from '../../src/snapshot/driver.suite.ts';
import { erofsDriver } from '../../src/snapshot/erofs/driver.ts';
import { whyNoErofs } from '../support/erofs-kernel.ts';

driverSuite({ name: 'erofs', open: (dir) => erofsDriver({ dir, spawn: startLayerThread, sync: false }), skip: await whyNoErofs() });
