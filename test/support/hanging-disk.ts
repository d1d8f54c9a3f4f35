/** A disk that stops answering when it is told to: calls neither fail nor end until it answers again, in order. */
import { type Disk, type DiskFile, lockedThrough, pinnedThrough } from '../../journal/disk.ts';

export interface HangingDisk extends Disk {
  hangs: boolean;
  /** Calls that it has and hasn't answered: each would keep a thread. */
  readonly underWay: number;
  /** Most of `underWay` so far. */
  readonly mostUnderWay: number;
  /** Files that are open. */
  readonly openFiles: number;
  /** Answers what it owes, and from now on at once. */
  answer(): void;
}

export function hangingDisk(disk: Disk): HangingDisk {
  return new Hanging(disk);
}

class Hanging implements HangingDisk {
  hangs = false;
  underWay = 0;
  mostUnderWay = 0;
  openFiles = 0;
  private readonly disk: Disk;
  private owed: (() => void)[] = [];

  constructor(disk: Disk) {
    this.disk = disk;
  }

  get name(): string {
    return this.disk.name;
  }

  answer(): void {
    this.hangs = false;
    for (const go of this.owed.splice(0)) go();
  }

  async call<T>(work: () => Promise<T>): Promise<T> {
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    try {
      if (this.hangs) await new Promise<void>((go) => this.owed.push(go));
      return await work();
    } finally {
      this.underWay -= 1;
    }
  }

  open: Disk['open'] = async (path, mode, writes) => {
    const file = await this.call(() => this.disk.open(path, mode, writes));
    this.openFiles += 1;
    return this.wrapped(file);
  };
  pin: Disk['pin'] = async (path) => {
    const file = await this.call(() => this.disk.pin(path));
    this.openFiles += 1;
    return pinnedThrough(file, this.wrapped(file), (call) => this.call(call));
  };
  lock: Disk['lock'] = async (path) => {
    const file = await this.call(() => this.disk.lock(path));
    if (file === undefined) return undefined;
    this.openFiles += 1;
    return lockedThrough(file, this.wrapped(file), (call) => this.call(call));
  };
  list: Disk['list'] = (directory) => this.call(() => this.disk.list(directory));
  makeDirectory: Disk['makeDirectory'] = (directory) => this.call(() => this.disk.makeDirectory(directory));
  exists: Disk['exists'] = (path) => this.call(() => this.disk.exists(path));
  remove: Disk['remove'] = (path) => this.call(() => this.disk.remove(path));
  removeTree: Disk['removeTree'] = (directory) => this.call(() => this.disk.removeTree(directory));
  rename: Disk['rename'] = (from, to) => this.call(() => this.disk.rename(from, to));
  syncDirectory: Disk['syncDirectory'] = (directory) => this.call(() => this.disk.syncDirectory(directory));
  freeBytes: Disk['freeBytes'] = () => this.call(() => this.disk.freeBytes());

  private wrapped(file: DiskFile): DiskFile {
    return {
      read: (target, position) => this.call(() => file.read(target, position)),
      write: (chunks, position) => this.call(() => file.write(chunks, position)),
      sync: () => this.call(() => file.sync()),
      size: () => this.call(() => file.size()),
      truncate: (bytes) => this.call(() => file.truncate(bytes)),
      close: () => {
        this.openFiles -= 1;
        return this.call(() => file.close());
      },
    };
  }
}
