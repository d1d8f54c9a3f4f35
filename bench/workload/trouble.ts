/** How a request can go wrong, by what follows from it. */

/** The server answered what it must not answer: its line is over. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
}

/** The connection broke: what became of the request is unknown. Counted as an error; the object it was about is left alone. */
export class BrokenOff extends Error {
  override readonly name = 'BrokenOff';
}

/** The turn ended while the server had asked for patience. */
export class TurnOver extends Error {
  override readonly name = 'TurnOver';
}
