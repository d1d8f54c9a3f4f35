/** Whether drives have room and can be written to: Fault 'full' or 'unavailable' where they don't. */
export interface Room {
  /** For what makes the store grow; below it there is a reserve for what shrinks it. */
  forGrowth(): void;
  /** For the records of what shrinks it. */
  forRecords(): void;
}
