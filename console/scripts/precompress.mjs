// Puts a `.gz` beside each file of the build that gains from it, so that the server compresses nothing at run time.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const compressible = /\.(html|js|css|svg|json|txt|webmanifest)$/;

let before = 0;
let after = 0;
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (!entry.isFile() || !compressible.test(entry.name)) continue;
  const content = readFileSync(path);
  const packed = gzipSync(content, { level: constants.Z_BEST_COMPRESSION });
  if (packed.length >= content.length) continue;
  // A second build over an old `dist` must not leave a stale neighbour.
  rmSync(`${path}.gz`, { force: true });
  writeFileSync(`${path}.gz`, packed);
  before += content.length;
  after += packed.length;
}
console.log(`precompressed ${(before / 1000).toFixed(0)} kB to ${(after / 1000).toFixed(0)} kB`);
