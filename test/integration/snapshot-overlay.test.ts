import { startLayerThread } from '../../src/engine/layer-threads.ts';
import { driverSuite } from '../../src/snapshot/driver.suite.ts';
import { overlayDriver } from '../../src/snapshot/overlay.ts';

driverSuite({ name: 'overlay', open: (dir) => overlayDriver({ dir, spawn: startLayerThread, sync: false }) });
