import { Outlet, useRouterState } from '@tanstack/react-router';
import { Button, Drawer } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { useI18n } from '../i18n/i18n';
import { Icon } from '../ui/Icon';
import { OrganizationSwitcher } from './OrganizationSwitcher';
import { Side } from './Side';
import './shell.css';

/** The frame of every page behind the sign-in: switcher and navigation at the side, on a phone in a drawer. */
export function Shell() {
  const { t } = useI18n();
  const [open, setOpen] = useState(false);
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
        <Button type="text" aria-label={t('app.menu')} icon={<Icon name="menu" size={22} />} onClick={() => setOpen(true)} />
        <OrganizationSwitcher area={area} />
      </header>
      <Drawer
        open={open}
        onClose={() => setOpen(false)}
        placement="left"
        size={288}
        title={t('app.menu')}
        closable={{ 'aria-label': t('app.close') }}
        styles={{ body: { padding: 0 } }}
        destroyOnHidden
      >
        <Side area={area} onLeave={() => setOpen(false)} />
      </Drawer>
      <main id="main" className="main" ref={main} tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}
