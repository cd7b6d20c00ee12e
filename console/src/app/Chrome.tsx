import { useRouterState } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { ThemeProvider } from '../theme/theme';
import { ToastProvider } from '../ui/Toasts';

/** Around every page, the fallbacks included. The colours follow the address: the operator's area has its own. */
export function Chrome({ children }: { children: ReactNode }) {
  const operator = useRouterState({ select: (state) => /^\/operator(\/|$)/.test(state.location.pathname) });
  return (
    <ThemeProvider area={operator ? 'operator' : 'organization'}>
      <ToastProvider>{children}</ToastProvider>
    </ThemeProvider>
  );
}
