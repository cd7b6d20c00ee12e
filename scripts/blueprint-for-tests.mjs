// Makes a copy of a blueprint fit for tests, in place: its services listen on free ports and are started from what was
// built, so that nothing is in the way of an `insula up` that runs beside.
//
//   node scripts/blueprint-for-tests.mjs blueprint.toml FOLDER_OF_PROGRAMS
//
// Prints the programs, and the ports by those that stood there: {"programs": ["…"], "ports": {"7101": 40123}}
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const [file, folder] = process.argv.slice(2);
let text = readFileSync(file, 'utf8');

function fail(reason) {
  console.error(`${file}: ${reason}`);
  process.exit(1);
}

/** All at once, since one that was closed may be given out again. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** `["cargo", "run", …, "-p", "a-service", "--bin", "b", "--", "--option"]` → the program and its options. */
function startOf(words) {
  const end = words.indexOf('--');
  const [cargo, options] = end === -1 ? [words, []] : [words.slice(0, end), words.slice(end + 1)];
  const named = (option) => (cargo.includes(option) ? cargo[cargo.indexOf(option) + 1] : undefined);
  const program = named('--bin') ?? named('-p');
  if (cargo[0] !== 'cargo' || program === undefined) fail(`\`run = ${JSON.stringify(words)}\` doesn't start a program of this project`);
  return [join(folder, program), ...options];
}

const programs = [];
text = text.replace(/^run = (\[.*\])/gm, (_, words) => {
  const start = startOf(JSON.parse(words));
  if (!existsSync(start[0])) fail(`${start[0]} is not built: run scripts/test.sh build`);
  programs.push(start[0]);
  return `run = ${JSON.stringify(start)}`;
});
if (programs.length === 0) fail('has no line `run = […]` to replace');

const addresses = [...new Set(Array.from(text.matchAll(/http:\/\/127\.0\.0\.1:(\d+)/g), ([, port]) => port))];
const free = await freePorts(addresses.length);
const ports = Object.fromEntries(addresses.map((port, index) => [port, free[index]]));
text = text.replace(/(http:\/\/127\.0\.0\.1:)(\d+)/g, (_, host, port) => host + ports[port]);

writeFileSync(file, text);
console.log(JSON.stringify({ programs, ports }));
