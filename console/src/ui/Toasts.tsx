import { message } from 'antd';
import { createContext, use, useMemo, type ReactNode } from 'react';

interface Toasts {
  done: (text: string) => void;
  /** Only for what has no place of its own on the page; other failures stay where they happened. */
  failed: (text: string) => void;
}
const ToastContext = createContext<Toasts>({ done: () => undefined, failed: () => undefined });

/** Short confirmations of what has just been done. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const [api, holder] = message.useMessage({ maxCount: 3 });
  const toasts = useMemo<Toasts>(() => ({ done: (text) => void api.success(text), failed: (text) => void api.error(text, 8) }), [api]);
  return (
    <ToastContext value={toasts}>
      {holder}
      {children}
    </ToastContext>
  );
}

export function useToast(): Toasts {
  return use(ToastContext);
}
