// What the documents say of the code is so: codes of errors, names of tests, links.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

function files(folder, ending) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ['node_modules', 'target', 'dist'].includes(entry.name) ? [] : files(path, ending);
    return entry.name.endsWith(ending) ? [path] : [];
  });
}

const rust = files('crates', '.rs').map((path) => ({ path, text: readFileSync(path, 'utf8') }));

// Every code of an error has its line in the reference, and every line there a code.
function problems() {
  const page = 'docs/reference/problems.md';
  // How a code stands in a source: as an argument of what makes the error, or of what reports a mistake in a blueprint.
  const made = [
    /ErrorKind::\w+,\s*"([a-z_]+(?:\.[a-z_]+)?)"/g,
    /conflict_at\([^;]*?"([a-z_]+\.[a-z_]+)"/g,
    /\bconflict\(\s*"([a-z_]+\.[a-z_]+)"/g,
    /(?:Rejection::new|Self::new|refuse)\(\s*"(event\.[a-z_]+)"/g,
    /(?:\.error|\.warning|whole_file)\([^;]*?"(blueprint\.[a-z_]+)"/g,
    /\bcode: "(blueprint\.[a-z_]+)"/g,
  ];
  const raised = new Map();
  for (const { path, text } of rust.filter(({ path }) => path.includes('/src/'))) {
    const code = text.split('#[cfg(test)]')[0];
    for (const pattern of made) {
      for (const [, name] of code.matchAll(pattern)) raised.set(name, path);
    }
  }
  const rows = readFileSync(page, 'utf8').split('\n').filter((line) => line.startsWith('| `'));
  const listed = new Set(rows.flatMap((row) => [...row.split('|')[1].matchAll(/`([a-z_.]+)`/g)].map(([, name]) => name)));
  return [
    ...[...raised].filter(([name]) => !listed.has(name)).map(([name, path]) => `${name} (${path}) has no line in ${page}`),
    ...[...listed].filter((name) => !raised.has(name)).map((name) => `${name} stands in ${page}, and nothing raises it`),
  ];
}

// What holds a promise of docs/security.md is there: in each row, the last column names tests.
function tests() {
  const page = 'docs/security.md';
  const known = new Set(rust.flatMap(({ text }) => [...text.matchAll(/\bfn (\w+)/g)].map(([, name]) => name)));
  const rows = readFileSync(page, 'utf8').split('\n').filter((line) => line.startsWith('| '));
  const named = rows.flatMap((row) => [...row.split('|')[2].matchAll(/`([\w:]+)`/g)].map(([, name]) => name.split('::').at(-1)));
  return named.filter((name) => /^[a-z0-9_]+$/.test(name) && !known.has(name)).map((name) => `${page} names the test ${name}, which isn't there`);
}

// What a document points at in this repository is there.
function links() {
  const pages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'console/README.md', ...files('docs', '.md'), ...files('blueprints', '.md')];
  return pages.flatMap((page) => {
    const targets = [...readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target.split('#')[0]);
    const local = targets.filter((target) => target !== '' && !/^[a-z]+:/.test(target));
    return local.filter((target) => !existsSync(join(dirname(page), target))).map((target) => `${page} points at ${target}, which isn't there`);
  });
}

const wrong = [...problems(), ...tests(), ...links()];
if (wrong.length > 0) {
  console.error(wrong.sort().join('\n'));
  process.exit(1);
}
