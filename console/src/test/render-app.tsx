import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { render } from '@testing-library/react';
import { makeQueryClient } from '../app/query-client';
import { makeRouter } from '../app/router';
import { session } from '../auth/session';
import { I18nProvider } from '../i18n/i18n';

/** The whole console at an address, as the browser would open it; sign in before with `session.begin`. */
export function renderApp(path: string) {
  window.history.replaceState(null, '', `/console${path}`);
  const queryClient = makeQueryClient();
  const router = makeRouter({ queryClient, session });
  render(
    <I18nProvider>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </I18nProvider>,
  );
  return { router, queryClient };
}
