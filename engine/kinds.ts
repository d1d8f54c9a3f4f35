import type { AnyKind } from './actor/decider.ts';
import { bucketKind } from './bucket/bucket-kind.ts';
import { engineOptions } from './engine-options.ts';
import { storeKind } from './upkeep/store-kind.ts';
import { uploadKind } from './upload/upload-kind.ts';

/** Every kind of actor that writes to the engine's journal: what a replay needs. */
export const engineKinds: readonly AnyKind[] = [bucketKind, uploadKind(engineOptions.partBytesMin), storeKind];
