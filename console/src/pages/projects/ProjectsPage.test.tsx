import { screen, waitFor, within } from '@testing-library/react';
import { beforeEach, expect, it } from 'vitest';
import { session } from '../../auth/session';
import { network, ok, problem } from '../../test/network';
import { person } from '../../test/person';
import { renderApp } from '../../test/render-app';
import { granted, list, project, quiet } from '../../test/samples';

const ORG = '/v1/orgs/acme';
const managing = { ...quiet, [`GET ${ORG}/access/permissions`]: () => ok({ permissions: ['projects:manage'] }) };

beforeEach(() => session.begin(granted));

it('makes a project once, with what was said and no more', async () => {
  const errors = [{ pointer: '/slug', code: 'taken', detail: 'That address is taken.' }];
  const answers = [problem(409, 'project.slug_taken', { errors }), { status: 201, body: project() }];
  const log = network({ ...managing, [`POST ${ORG}/projects`]: () => answers.shift() ?? problem(500, 'test.spent') });
  renderApp('/o/acme/projects');
  const user = person();
  await user.click(await screen.findByRole('button', { name: 'Create project' }));
  const dialog = await screen.findByRole('dialog');
  await user.type(within(dialog).getByLabelText('Name'), 'Price watch');
  await user.click(within(dialog).getByRole('button', { name: 'Create project' }));
  // In the API's words, beside the field; trying again is the same attempt.
  expect(await within(dialog).findByText('That address is taken.')).toBeDefined();
  await user.click(within(dialog).getByRole('button', { name: 'Create project' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  const sent = log.filter((asked) => asked.method === 'POST');
  expect(sent.map((asked) => asked.body)).toEqual([{ name: 'Price watch' }, { name: 'Price watch' }]);
  expect(new Set(sent.map((asked) => asked.headers.get('idempotency-key'))).size).toBe(1);
});

it('asks for the name before it archives, and takes the keys along', async () => {
  const log = network({ ...managing, [`GET ${ORG}/projects`]: () => list([project()]), [`DELETE ${ORG}/projects/prj_1`]: () => ({ status: 204 }) });
  renderApp('/o/acme/projects');
  const user = person();
  await user.click(await screen.findByRole('button', { name: 'Actions for Price watch' }));
  await user.click(await screen.findByRole('menuitem', { name: 'Archive' }));
  const dialog = await screen.findByRole('dialog');
  expect(within(dialog).getByRole<HTMLButtonElement>('button', { name: 'Archive project' }).disabled).toBe(true);
  await user.type(within(dialog).getByLabelText('Type Price watch to confirm'), 'Price watch');
  await user.click(within(dialog).getByRole('button', { name: 'Archive project' }));
  await waitFor(() => expect(log.find((asked) => asked.method === 'DELETE')?.query.get('revoke_keys')).toBe('true'));
});

it('offers nothing to those who may only look', async () => {
  network({ ...quiet, [`GET ${ORG}/projects`]: () => list([project()]) });
  renderApp('/o/acme/projects');
  expect(await screen.findByRole('link', { name: 'Price watch' })).toBeDefined();
  expect(screen.queryByRole('button', { name: 'Create project' })).toBeNull();
  expect(screen.queryByRole('button', { name: 'Actions for Price watch' })).toBeNull();
});
