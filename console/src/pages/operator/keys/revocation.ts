import type { Environment, RevokeRequest } from '../../../api/types';

/** The form's values, as its fields hold them. */
export interface RevocationForm {
  keys?: string;
  org?: string;
  environment?: Environment | '';
  /** In the operator's own time zone, as the browser's field has it. */
  created_before?: string;
  reason: string;
}

/** What is sent; what was left empty narrows nothing. */
export function toRevocation(form: RevocationForm, dryRun: boolean): RevokeRequest {
  const keys = (form.keys ?? '').split(/[\s,]+/).filter((key) => key !== '');
  const org = form.org?.trim() ?? '';
  return {
    reason: form.reason.trim(),
    dry_run: dryRun,
    ...(keys.length === 0 ? {} : { keys }),
    ...(org === '' ? {} : { org }),
    ...(form.environment === undefined || form.environment === '' ? {} : { environment: form.environment }),
    ...(form.created_before === undefined || form.created_before === '' ? {} : { created_before: new Date(form.created_before).toISOString() }),
  };
}

/** Whether anything narrows it down: nothing at all is no way of saying "every key there is". */
export function isNarrowed({ keys, org, environment, created_before: before }: RevokeRequest): boolean {
  return [keys, org, environment, before].some((each) => each !== undefined && each !== null);
}
