// Says which sources a build was made from, so that the server's build can tell a stale `dist`.
//
// The digest is defined as follows, and computed independently by the server's build; change both or neither.
//   Inputs   all regular files under console/ that are one of
//              index.html, package.json, package-lock.json, vite.config.ts, openapi.json,
//              tsconfig*.json (directly under console/),
//              anything under src/ or public/ (recursive), except names ending in .test.ts or .test.tsx.
//   Order    by path relative to console/ with '/' separators, compared bytewise (UTF-8).
//   Content  SHA-256 over, for each file: path bytes, one 0 byte, the content's length in bytes as ASCII decimal,
//            one 0 byte, the content's bytes.
//   Output   lower-case hexadecimal, 64 characters; the stamp file holds exactly that, without a line end.
//
// Usage: node scripts/source-digest.mjs [--write FILE]   (without --write it prints the digest)
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const single = new Set(['index.html', 'package.json', 'package-lock.json', 'vite.config.ts', 'openapi.json']);

function isInput(path) {
  if (/\.test\.tsx?$/.test(path)) return false;
  if (path.startsWith('src/') || path.startsWith('public/')) return true;
  return single.has(path) || /^tsconfig[^/]*\.json$/.test(path);
}

function walk(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      // Only these two are looked into, which also keeps node_modules out.
      return folder !== '' || path === 'src' || path === 'public' ? walk(root, path) : [];
    }
    return entry.isFile() && isInput(path) ? [path] : [];
  });
}

export function sourceDigest(root) {
  const hash = createHash('sha256');
  const paths = walk(root, '').sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const path of paths) {
    const content = readFileSync(join(root, path));
    hash.update(path).update('\0').update(String(content.length)).update('\0').update(content);
  }
  return hash.digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const digest = sourceDigest(fileURLToPath(new URL('..', import.meta.url)));
  const at = process.argv.indexOf('--write');
  const file = at === -1 ? undefined : process.argv[at + 1];
  if (file === undefined) console.log(digest);
  else writeFileSync(file, digest);
}
