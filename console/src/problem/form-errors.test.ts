import { describe, expect, it } from 'vitest';
import { fieldFor, parsePointer } from './form-errors';

const fields = [['name'], ['scopes'], ['limits', 'burst']] as const;

describe('a JSON pointer', () => {
  it('is split and unescaped (RFC 6901)', () => {
    expect(parsePointer('/limits/a~1b~0c')).toEqual(['limits', 'a/b~c']);
  });
  it.each([
    ['/name', ['name']],
    ['/limits/burst', ['limits', 'burst']],
    ['/scopes/3', ['scopes']],
    ['/limits', undefined],
    ['/elsewhere', undefined],
    ['', undefined],
  ])('%s belongs to the field %j', (pointer, field) => {
    expect(fieldFor(pointer, fields)).toEqual(field);
  });
});
