// Text from a peer, made fit to be shown: contracts/labels.py in JavaScript, character for character.

const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/u; // Python's isspace()
const DROPPED = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}]/u; // control, format, surrogate, private use, unassigned
const MARK = /[\p{Mn}\p{Me}]/u;
const MAX_COMBINING = 2;

// `text` on one line, of at most `limit` characters, without what hides, reorders or climbs over the line above.
export function clean(text, limit) {
  const characters = [...text];
  const head = characters.slice(0, 8 * limit + 64);
  const line = visible(head).split(" ").filter(Boolean).join(" ").normalize("NFC");
  const composed = [...line];
  if (composed.length <= limit && head.length === characters.length) return line;
  return `${composed.slice(0, limit - 1).join("").trimEnd()}…`.normalize("NFC");
}

function visible(characters) {
  let kept = "";
  let marks = 0;
  for (const character of characters) {
    if (SPACE.test(character)) kept += " ";
    else if (!DROPPED.test(character)) {
      marks = MARK.test(character) ? marks + 1 : 0;
      if (marks <= MAX_COMBINING) kept += character;
    }
  }
  return kept;
}
