import { Misuse } from './misuse.ts';

/**
 * The words of a command the way a shell divides them: at blanks, but for what stands in quotes or behind a backslash. Nothing is
 * expanded: `{1...6}`, `$HOME` and `*` stay what they are.
 * @throws Misuse when a quote is left open
 */
export function splitCommand(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] as string;
    if (char === quote) quote = '';
    else if (char === '\\' && quote !== "'" && at + 1 < text.length) word = (word ?? '') + text[++at];
    else if (quote !== '') word = (word ?? '') + char;
    else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  if (quote !== '') throw new Misuse(`a ${quote} is left open in: ${text}`);
  return word === undefined ? words : [...words, word];
}
