/** What is known of a device before it comes, as the admin API shows it: without secrets. */
import { shownAccess } from '../../src/device/access';
import { type DeviceSecurity, weaknessOf } from '../../src/device/credentials';
import type { ProvisionedDevice } from '../../src/device/provisioned-device';

export function provisionedView({ endpoint: _, security, blockedUntil, access, ...rest }: ProvisionedDevice): object {
  const weakness = weaknessOf(security);
  return {
    ...rest,
    security: shownSecurity(security),
    // JSON has no infinity.
    ...(blockedUntil !== undefined && { blockedUntil: Number.isFinite(blockedUntil) ? blockedUntil : true }),
    ...(access !== undefined && { access: shownAccess(access) }),
    ...(weakness !== undefined && { warning: weakness }),
  };
}

function shownSecurity(security: DeviceSecurity): object {
  const { mode } = security;
  if (mode === 'psk') return { mode, identity: security.identity };
  if ('fingerprint' in security) return { mode, fingerprint: security.fingerprint.toString('hex') };
  return 'name' in security ? { mode, name: security.name } : { mode };
}
