import { userEvent, type UserEvent } from '@testing-library/user-event';

/** Somebody at the keyboard. Pointer events aren't checked, for the reason `setup.ts` gives. */
export function person(): UserEvent {
  return userEvent.setup({ delay: null, pointerEventsCheck: 0 });
}
