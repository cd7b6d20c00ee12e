// DEVELOPMENT ONLY: a stand-in for the real server, in memory, for working on the console without building it.
// It keeps to the HTTP contract as far as the console uses it and is no reference for anything.
//
//   npm run build && npm run fake            → http://localhost:7171/console/
//   node dev/fake-server.mjs --port 7171
import { createServer } from 'node:http';
import { handleApi } from './fake/api.mjs';
import { handleGateway } from './fake/gateway.mjs';
import { Problem, sendJson, sendProblem } from './fake/http.mjs';
import { serveConsole } from './fake/static.mjs';

const at = process.argv.indexOf('--port');
const port = at === -1 ? 7171 : Number(process.argv[at + 1]);

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`);
  response.setHeader('x-request-id', `req_${Math.random().toString(36).slice(2, 14)}`);
  try {
    if (url.pathname === '/healthz') sendJson(response, 200, { status: 'ok' });
    else if (url.pathname.startsWith('/v1/')) await handleApi(request, response, url);
    else if (url.pathname === '/console' || url.pathname.startsWith('/console/')) serveConsole(request, response, url);
    else handleGateway(request, response, url);
  } catch (error) {
    sendProblem(response, error instanceof Problem ? error : new Problem(500, 'internal', String(error)));
  }
});
server.listen(port, () => console.log(`fake server on http://localhost:${port}/console/`));
