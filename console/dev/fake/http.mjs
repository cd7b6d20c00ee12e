export class Problem extends Error {
  constructor(status, code, detail, errors, headers = {}) {
    super(detail);
    Object.assign(this, { status, code, detail, errors, headers });
  }
}

export function sendJson(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function sendProblem(response, problem) {
  const body = {
    type: `/docs/problems#${problem.code}`,
    title: problem.code,
    status: problem.status,
    detail: problem.detail,
    code: problem.code,
    request_id: response.getHeader('x-request-id'),
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  };
  response.writeHead(problem.status, { 'content-type': 'application/problem+json', ...problem.headers });
  response.end(JSON.stringify(body));
}

export async function readJson(request) {
  if (!(request.headers['content-type'] ?? '').startsWith('application/json')) throw new Problem(415, 'request.media_type', 'The body must be JSON, sent with `Content-Type: application/json`.');
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? {} : JSON.parse(text);
}

export function invalid(...errors) {
  return new Problem(422, 'request.invalid', 'Some fields need another look.', errors.map(([pointer, detail]) => ({ pointer, code: 'invalid', detail })));
}
