// Writes a title as headlines are written: a component of world `algorithm` in JavaScript.
//
// Input: {"text": "the girl with the dragon tattoo"}; output: {"headline": "The Girl with the Dragon Tattoo", "slug": "the-girl-…"}.

import { write } from 'shelfwise:functions/log@1.0.0';

// Articles, conjunctions and short prepositions stay small, but for the first word and the last.
const SMALL = new Set(
  'a an and as at but by for from if in into nor of off on onto or over so the to up via with yet'.split(' '),
);

export function run(payload) {
  const { text } = parse(payload);
  if (typeof text !== 'string' || text.trim() === '') {
    throw failure('bad-input', 'The input must have a text in `text`.');
  }
  const words = text.trim().split(/\s+/);
  write('debug', `${words.length} words`);
  const headline = words.map((word, at) => (at > 0 && at < words.length - 1 ? capital(word) : first(word)));
  return encode(JSON.stringify({ headline: headline.join(' '), slug: slug(text) }));
}

function capital(word) {
  return SMALL.has(word.toLowerCase()) ? word.toLowerCase() : first(word);
}

// What has a capital somewhere is written as it is meant: NASA, iPhone, McEwan.
function first(word) {
  return /\p{Lu}/u.test(word) ? word : word.replace(/\p{L}/u, (letter) => letter.toUpperCase());
}

function slug(text) {
  return text
    .normalize('NFD')
    .replace(/[\p{M}'’]/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '');
}

function parse(payload) {
  try {
    return JSON.parse(decode(payload)) ?? {};
  } catch {
    throw failure('bad-input', 'The input must be JSON.');
  }
}

// The engine has no TextDecoder and no TextEncoder; URIs are UTF-8, too.
function decode(bytes) {
  return decodeURIComponent(Array.from(bytes, (byte) => '%' + byte.toString(16).padStart(2, '0')).join(''));
}

function encode(text) {
  const bytes = encodeURIComponent(text).replace(/%(..)/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
}

function failure(code, message) {
  return { code, message };
}
