import { Outlet, useRouterState } from '@tanstack/react-router';
import { Button } from 'antd';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { useI18n } from '../i18n/i18n';
import { Icon } from '../ui/Icon';
import { OrganizationSwitcher } from './OrganizationSwitcher';
import { Side } from './Side';
import './shell.css';

// Only phones have it, and only once it is asked for.
const loadDrawer = () => import('./MenuDrawer');
const MenuDrawer = lazy(() => loadDrawer().then((module) => ({ default: module.MenuDrawer })));

/** The frame of every page behind the sign-in: switcher and navigation at the side, on a phone in a drawer. */
export function Shell() {
  const { t } = useI18n();
  const [open, setOpen] = useState(false);
  // Once used the drawer stays, so that it can slide out again.
  const [used, setUsed] = useState(false);
  function openMenu() {
    setUsed(true);
    setOpen(true);
  }
  const pathname = useRouterState({ select: (state) => state.resolvedLocation?.pathname ?? state.location.pathname });
  const area = pathname.startsWith('/operator') ? 'operator' : 'organization';
  const main = useRef<HTMLElement>(null);
  const shown = useRef(pathname);

  // A page change without a reload says nothing to a screen reader unless the focus goes along.
  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    main.current?.focus({ preventScroll: true });
  }, [pathname]);

  return (
    <div className="shell" data-area={area}>
      <a className="skip" href="#main">
        {t('app.skip')}
      </a>
      <div className="sidebar">
        <Side area={area} />
      </div>
      <header className="topbar">
        <Button type="text" aria-label={t('app.menu')} icon={<Icon name="menu" size={22} />} onPointerEnter={() => void loadDrawer()} onClick={openMenu} />
        <OrganizationSwitcher area={area} />
      </header>
      <Suspense fallback={null}>{used ? <MenuDrawer open={open} area={area} onClose={() => setOpen(false)} /> : null}</Suspense>
      <main id="main" className="main" ref={main} tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}
