import { MemoryStore } from '../../src/store/memory';
import { conformance } from './conformance';

conformance('the store in memory', async () => ({ store: new MemoryStore() }));
