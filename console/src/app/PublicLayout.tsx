import type { ReactNode } from 'react';
import { changeLanguage, useI18n } from '../i18n/i18n';
import { Mark } from '../ui/Icon';
import { useSite } from './Page';
import './public.css';

interface Props {
  title: string;
  heading: string;
  lead: string;
  wide?: boolean;
  aside: ReactNode;
  children: ReactNode;
}

/** The frame of the pages before the sign-in. */
export function PublicLayout({ title, heading, lead, wide = false, aside, children }: Props) {
  const { language } = useI18n();
  const site = useSite();
  return (
    <div className="public">
      <title>{`${title} · ${site}`}</title>
      <header>
        <Mark />
        {site}
      </header>
      <main id="main" className={wide ? 'wide' : ''}>
        <div className="panel">
          <h1>{heading}</h1>
          <p>{lead}</p>
          {children}
        </div>
        <p className="aside">{aside}</p>
      </main>
      <footer>
        <button type="button" className="link-button" lang="en" aria-pressed={language === 'en'} onClick={() => void changeLanguage('en')}>
          English
        </button>
        <button type="button" className="link-button" lang="ja" aria-pressed={language === 'ja'} onClick={() => void changeLanguage('ja')}>
          日本語
        </button>
      </footer>
    </div>
  );
}
