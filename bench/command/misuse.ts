/** The command line, a file it names or the environment is wrong; the message is one line for the person who typed it. */
export class Misuse extends Error {}
