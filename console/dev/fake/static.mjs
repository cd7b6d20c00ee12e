import { existsSync, readFileSync, statSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

/** The build, with the policy the real server sends; unknown paths are the application's own (history routing). */
export function serveConsole(request, response, url) {
  const path = normalize(url.pathname.slice('/console'.length)).replace(/^(\.\.[/\\])+/, '');
  let file = join(dist, path);
  if (!existsSync(file) || !statSync(file).isFile()) file = join(dist, 'index.html');
  const zipped = existsSync(`${file}.gz`) && (request.headers['accept-encoding'] ?? '').includes('gzip');
  response.writeHead(200, {
    'content-type': types[extname(file)] ?? 'application/octet-stream',
    'content-security-policy': "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'",
    'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    ...(zipped ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(readFileSync(zipped ? `${file}.gz` : file));
}
