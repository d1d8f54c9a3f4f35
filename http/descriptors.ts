/** Who may hold how many of the process's descriptors: files of drives and connections have shares, so that neither takes the other's. */

/** For what belongs to no drive and no connection: threads, the log, name lookups, an accept. */
const houseReserve = 32;
/** For a drive, apart from segments: probe, journal mirror, repair, sizes of segments. */
const driveReserve = 6;
/** Segments that a shard thread writes to on one drive. */
const writtenSegments = 3;
/** For LevelDB's own files, on each of the places of the state store. */
const stateReserve = 3 * 8;
/** Segment files of one drive that a shard thread keeps open for readers: two keep it working, more than most bring nothing. */
const keptFilesMin = 2;
const keptFilesMax = 64;
/** Connections without which a server is of no use. */
const connectionsMin = 16;
/** However many descriptors there are. */
const connectionsCeiling = 65_536;

export interface DescriptorShares {
  /** Of clients, all together. */
  readonly connectionsMax: number;
  /** Segment files that each shard thread keeps open on each drive. */
  readonly keptFiles: number;
}

/** `descriptors`: what the process may have open. A sentence when that is too little. */
export function shareDescriptors(parts: { descriptors: number; drives: number; threads: number }): DescriptorShares | { refused: string } {
  const { descriptors, drives } = parts;
  const threads = Math.max(1, parts.threads);
  const reserved = houseReserve + stateReserve + drives * (driveReserve + threads * writtenSegments);
  const free = descriptors - reserved;
  const keptFiles = Math.min(keptFilesMax, Math.max(keptFilesMin, Math.floor(free / 2 / (drives * threads))));
  const connectionsMax = Math.min(connectionsCeiling, free - drives * threads * keptFiles);
  if (connectionsMax >= connectionsMin) return { connectionsMax, keptFiles };
  const wanted = reserved + drives * threads * keptFilesMin + connectionsMin;
  return { refused: `${descriptors} descriptors are too few for ${drives} drives: allow at least ${wanted} (ulimit -n)` };
}
