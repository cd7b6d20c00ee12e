import { Button } from 'antd';
import { useState } from 'react';
import { Icon } from './Icon';

interface Props {
  text: string;
  label: string;
  done: string;
}

/** Copies and says so. Where the clipboard isn't to be had (plain HTTP), the text beside it can still be selected. */
export function CopyButton({ text, label, done }: Props) {
  const [copied, setCopied] = useState(false);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 2_000);
    } catch {
      setCopied(false);
    }
  }
  return (
    <>
      <Button onClick={() => void copy()} icon={<Icon name={copied ? 'check' : 'copy'} size={16} />}>
        {copied ? done : label}
      </Button>
      <span role="status" className="visually-hidden">
        {copied ? done : ''}
      </span>
    </>
  );
}
