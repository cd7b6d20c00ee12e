import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { makeQueryClient } from './app/query-client';
import { makeRouter } from './app/router';
import { session } from './auth/session';
import { changeLanguage, I18nProvider } from './i18n/i18n';
import { preferences } from './i18n/preferences';
import './ui/base.css';

const queryClient = makeQueryClient();
const router = makeRouter({ queryClient, session });

session.subscribe(() => {
  if (session.snapshot().status !== 'out') return;
  // What was fetched belongs to who was signed in. The guards then lead to the sign-in page and back.
  queryClient.clear();
  void router.invalidate();
});

async function start(): Promise<void> {
  const element = document.getElementById('root');
  if (element === null) throw new Error('index.html has no #root');
  await changeLanguage(preferences().language);
  createRoot(element).render(
    <StrictMode>
      <I18nProvider>
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </I18nProvider>
    </StrictMode>,
  );
}

void start();
