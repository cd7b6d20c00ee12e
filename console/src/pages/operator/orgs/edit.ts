import type { OrganizationDetail, OrganizationPatch } from '../../../api/types';

export interface Edited {
  name: string;
  slug: string;
  plan: string;
}

/** What differs from how the organization is; nothing else is sent, so that nothing else changes. */
export function patchOf(organization: Pick<OrganizationDetail, keyof Edited>, edited: Edited): OrganizationPatch {
  const patch: OrganizationPatch = {};
  for (const field of ['name', 'slug', 'plan'] as const) {
    const wanted = edited[field].trim();
    if (wanted !== organization[field]) patch[field] = wanted;
  }
  return patch;
}
