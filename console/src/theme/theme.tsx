import { ConfigProvider, theme as antdTheme, type ThemeConfig } from 'antd';
import { useInsertionEffect, useMemo, useSyncExternalStore, type ReactNode } from 'react';
import { useI18n } from '../i18n/i18n';
import { preferences, subscribePreferences } from '../i18n/preferences';
import { customProperties, paletteOf, type Area, type Palette } from './palette';

const FONT =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Hiragino Sans", "Noto Sans JP", "Noto Sans CJK JP", "Yu Gothic UI", Meiryo, sans-serif';
const MONO = 'ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace';

type Mode = 'light' | 'dark';

const systemDark = window.matchMedia('(prefers-color-scheme: dark)');
function subscribeSystem(listener: () => void): () => void {
  systemDark.addEventListener('change', listener);
  return () => systemDark.removeEventListener('change', listener);
}

export function useMode(): Mode {
  const { theme } = useSyncExternalStore(subscribePreferences, preferences);
  const system = useSyncExternalStore<Mode>(subscribeSystem, () => (systemDark.matches ? 'dark' : 'light'));
  return theme === 'system' ? system : theme;
}

const stillness = window.matchMedia('(prefers-reduced-motion: reduce)');

function antdThemeOf(mode: Mode, palette: Palette): ThemeConfig {
  return {
    algorithm: mode === 'dark' ? antdTheme.darkAlgorithm : antdTheme.defaultAlgorithm,
    hashed: false,
    token: {
      motion: !stillness.matches,
      fontFamily: FONT,
      fontFamilyCode: MONO,
      colorPrimary: palette.accent,
      colorInfo: palette.accent,
      colorLink: palette.accent,
      colorLinkHover: palette.text,
      colorSuccess: palette.good,
      colorWarning: palette.warnBar,
      colorError: palette.bad,
      colorErrorBg: palette.badSoft,
      colorErrorBorder: palette.badSoft,
      colorInfoBg: palette.accentSoft,
      colorInfoBorder: palette.accentSoft,
      colorWarningBg: palette.warnSoft,
      colorWarningBorder: palette.warnSoft,
      colorText: palette.text,
      colorTextSecondary: palette.muted,
      colorTextTertiary: palette.muted,
      colorTextDescription: palette.muted,
      colorTextPlaceholder: palette.muted,
      colorBgBase: palette.surface,
      colorBgContainer: palette.surface,
      colorBgElevated: palette.raised,
      colorBgLayout: palette.page,
      colorBorder: palette.control,
      colorBorderSecondary: palette.border,
      colorTextLightSolid: palette.onAccent,
      borderRadius: 8,
      borderRadiusLG: 12,
      controlHeight: 38,
      fontSize: 15,
    },
    components: {
      Button: { primaryShadow: 'none', defaultShadow: 'none', dangerShadow: 'none', fontWeight: 500, dangerColor: mode === 'dark' ? '#3d0f0b' : '#ffffff' },
      Alert: { withDescriptionPadding: '12px 14px', defaultPadding: '10px 14px', fontSizeLG: 15 },
      Form: { itemMarginBottom: 20, labelColor: palette.text, verticalLabelPadding: '0 0 6px' },
      Segmented: { itemSelectedBg: mode === 'dark' ? '#3b4d56' : palette.raised, trackBg: palette.track, itemColor: palette.text },
      Switch: { colorTextQuaternary: palette.control, colorTextTertiary: palette.muted },
      Modal: { contentBg: palette.raised, headerBg: palette.raised },
    },
  };
}

/** Colours for the whole document; dialogs hang on its body, outside of any element of ours. */
export function ThemeProvider({ area, children }: { area: Area; children: ReactNode }) {
  const mode = useMode();
  const { antd } = useI18n();
  const palette = useMemo(() => paletteOf(mode, area), [mode, area]);
  const config = useMemo(() => antdThemeOf(mode, palette), [mode, palette]);

  // Before anything paints, so that a chosen theme doesn't flash the other one.
  useInsertionEffect(() => {
    const root = document.documentElement;
    root.style.colorScheme = mode;
    root.dataset['theme'] = mode;
    for (const [name, value] of Object.entries(customProperties(palette))) root.style.setProperty(name, value);
  }, [mode, palette]);

  return (
    <ConfigProvider theme={config} {...(antd === undefined ? {} : { locale: antd })} button={{ autoInsertSpace: false }}>
      {children}
    </ConfigProvider>
  );
}
