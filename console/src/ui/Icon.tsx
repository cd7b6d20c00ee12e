// A few line icons on a 24 grid, drawn here so that no icon set is shipped. Always decorative: the words stand beside.
const PATHS = {
  home: 'M4 11.5 12 4l8 7.5M6 10v9h12v-9M10 19v-5h4v5',
  key: 'M14.5 14.5a5 5 0 1 0-4.2-2.3L4 18.5V21h3v-2h2v-2h2l1.1-1.9M16 8h.01',
  chart: 'M4 20h16M7 16v-5M12 16V6M17 16v-8',
  receipt: 'M6 3v18l3-2 3 2 3-2 3 2V3l-3 2-3-2-3 2-3-2ZM9.5 10h5M9.5 14h5',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 7.500V12l3 2',
  print: 'M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z',
  right: 'm10 7 5 5-5 5',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20a7.5 7.5 0 0 1 15 0',
  building: 'M5 21V5l8-2v18M13 8l6 2v11M3 21h18M8.5 8h1M8.5 12h1M8.5 16h1M16 13h.01M16 17h.01',
  shield: 'M12 3 5 6v5c0 4.5 3 8.3 7 10 4-1.7 7-5.5 7-10V6l-7-3ZM9 12l2 2 4-4',
  signOut: 'M10 4H5v16h5M14 8l4 4-4 4M18 12H9',
  menu: 'M4 7h16M4 12h16M4 17h16',
  chevrons: 'm8 10 4-4 4 4M8 14l4 4 4-4',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  download: 'M12 4v11M7.5 11 12 15.5 16.5 11M5 20h14',
  plus: 'M12 5v14M5 12h14',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  up: 'm7 14 5-5 5 5',
  rotate: 'M20 11a8 8 0 0 0-14.5-4L4 8.500M4 4v4.500h4.500M4 13a8 8 0 0 0 14.500 4L20 15.500M20 20v-4.500h-4.500',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  folder: 'M3.500 7V19h17V8.500h-9L9.500 6h-6v1',
  people: 'M9 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7ZM2.500 19.500a6.500 6.500 0 0 1 13 0M16 4.800a3.500 3.500 0 0 1 0 6.400M18 14.200a6.500 6.500 0 0 1 3.500 5.300',
  bulb: 'M9 18h6M10 21h4M8.500 15a6 6 0 1 1 7 0c-.6.5-.9 1.200-1 2h-5c-.1-.8-.4-1.500-1-2Z',
  pulse: 'M3 12h4l2.500-7 5 14L17 12h4',
  plan: 'M6 3h9l4 4v14H6zM14 3v5h5M9 12h7M9 16h7',
  tag: 'M4 4h8l8 8-8 8-8-8zM8.500 8.500h.01',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM16 16l4 4',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  const width = name === 'more' ? 3 : 1.7;
  return (
    <svg aria-hidden="true" width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={width} strokeLinecap="round" strokeLinejoin="round" style={{ flex: 'none' }}>
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Mark({ size = 30 }: { size?: number }) {
  return (
    <svg aria-hidden="true" width={size} height={size} viewBox="0 0 32 32" style={{ flex: 'none' }}>
      <rect width="32" height="32" rx="8" fill="var(--accent)" />
      <path d="M6 21c3 0 3-2 5-2s2 2 5 2 3-2 5-2 2 2 5 2" fill="none" stroke="var(--on-accent)" strokeOpacity=".7" strokeWidth="2.4" strokeLinecap="round" />
      <path d="M9.5 15.500a6.500 6.500 0 0 1 13 0z" fill="var(--on-accent)" />
    </svg>
  );
}
