import { Segmented } from 'antd';
import { useSyncExternalStore } from 'react';
import { changeLanguage, useI18n } from '../../i18n/i18n';
import type { Language } from '../../i18n/format';
import { chooseTheme, preferences, subscribePreferences, type ThemeChoice } from '../../i18n/preferences';
import { Card } from '../../ui/Card';

/** Takes effect at once and stays in this browser. */
export function LookCard() {
  const { t } = useI18n();
  const { language, theme } = useSyncExternalStore(subscribePreferences, preferences);
  return (
    <Card title={t('account.look')}>
      <div className="field">
        <span className="label">{t('account.language')}</span>
        <Segmented<Language>
          aria-label={t('account.language')}
          value={language}
          onChange={(value) => void changeLanguage(value)}
          options={[
            { value: 'en', label: <span lang="en">English</span> },
            { value: 'ja', label: <span lang="ja">日本語</span> },
          ]}
        />
      </div>
      <div className="field">
        <span className="label">{t('account.theme')}</span>
        <Segmented<ThemeChoice>
          aria-label={t('account.theme')}
          value={theme}
          onChange={chooseTheme}
          options={[
            { value: 'system', label: t('account.themeSystem') },
            { value: 'light', label: t('account.themeLight') },
            { value: 'dark', label: t('account.themeDark') },
          ]}
        />
      </div>
    </Card>
  );
}
