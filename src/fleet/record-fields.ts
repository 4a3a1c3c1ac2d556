/** What can be asked of the record of a device, by name; imports nothing, for the dialogs know it too. */
export const RECORD_FIELDS = [
  'endpoint',
  'state',
  'tags',
  'groups',
  'class',
  'facts',
  'registration',
  'provisioned',
  'retiredAt',
  'observations',
  'waiting',
  'lock',
] as readonly string[];
